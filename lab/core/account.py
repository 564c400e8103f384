"""Which account a program of the host runs in: some refuse root, some a user without a name in the password file."""

import os
import pwd
import shutil
from collections.abc import Sequence


def unprivileged(argv: Sequence[str]) -> list[str]:
    """`argv` for a program that refuses root and users without a name: elsewise in a user namespace of its own."""
    return list(argv) if os.getuid() != 0 and _has_name() else _renamed(argv)


def named(argv: Sequence[str]) -> list[str]:
    """`argv` for a program that refuses users without a name: elsewise in a user namespace of its own."""
    return list(argv) if _has_name() else _renamed(argv)


def _has_name() -> bool:
    try:
        return bool(pwd.getpwuid(os.getuid()))
    except KeyError:
        return False


def _renamed(argv: Sequence[str]) -> list[str]:
    someone = next((entry for entry in pwd.getpwall() if entry.pw_uid != 0), None)
    uid = someone.pw_uid if someone else 1000
    unshare = shutil.which("unshare") or "/usr/bin/unshare"
    return [unshare, "--user", f"--map-user={uid}", f"--map-group={uid}", "--", *argv]
