"""The web configuration of Prometheus' family: who may log in, with the password as a bcrypt hash."""

import json
import re
from pathlib import Path

USER = "admin"
# The cheapest that bcrypt has: the password is random, so that nobody guesses it at any cost.
_ROUNDS = 4
_HASH = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")


def web_configuration(password: str, existing: Path) -> str:
    """The file's text (YAML). A hash of this password that is there already is kept: a new one would be a change."""
    return f"basic_auth_users: {{{json.dumps(USER)}: {json.dumps(_hashed(password, existing))}}}\n"


def _hashed(password: str, existing: Path) -> str:
    import bcrypt

    secret = password.encode()[:72]  # all that bcrypt looks at, and newer versions refuse more
    try:
        found = _HASH.search(existing.read_text())
    except OSError:
        found = None
    if found and bcrypt.checkpw(secret, found[0].encode()):
        return found[0]
    return bcrypt.hashpw(secret, bcrypt.gensalt(_ROUNDS)).decode()
