"""What programs of the user's get from the user's shell, by name. Whatever isn't named here stays outside."""

import os
from collections.abc import Mapping, Sequence

_ALWAYS = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "TERM", "TMPDIR", "XDG_RUNTIME_DIR")
# How ssh-keygen finds a person's keys, and where it asks for a passphrase or a touch.
AGENT = (
    *("SSH_AUTH_SOCK", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "SSH_SK_PROVIDER", "SSH_SK_HELPER"),
    *("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "GPG_TTY"),
)
# Which engine is spoken to, and with which credentials; not what it is to make, as DOCKER_DEFAULT_PLATFORM would say.
ENGINE = (
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"),
    *("DOCKER_API_VERSION", "DOCKER_AUTH_CONFIG", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)


def passed_on(names: Sequence[str], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """These variables, and those that every program needs: where programs and homes are, language, terminal."""
    known = {*_ALWAYS, *names}
    return {name: value for name, value in environ.items() if name in known or name.startswith("LC_")}
