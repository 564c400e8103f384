"""The account that the lab runs in, what programs get of its shell, and who owns its files: told by the machine."""

import os
import pwd
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# Where a machine's programs are, whatever the PATH of the shell that a command was typed in.
SEARCH_PATH = os.pathsep.join(
    (
        *("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"),
        # Where macOS and NixOS keep what was installed.
        *("/opt/homebrew/bin", "/run/current-system/sw/bin"),
    )
)
LOCALE = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
_NOWHERE = "/nonexistent"


def unprivileged(argv: Sequence[str]) -> list[str]:
    """`argv` for a program that refuses root and users without a name: elsewise in a user namespace of its own."""
    return list(argv) if os.getuid() != 0 and _entry() else _renamed(argv)


def named(argv: Sequence[str]) -> list[str]:
    """`argv` for a program that refuses users without a name: elsewise in a user namespace of its own."""
    return list(argv) if _entry() else _renamed(argv)


def user_name() -> str:
    """The account's name; one made of its number where the password file has none, as in many containers."""
    entry = _entry()
    return entry.pw_name if entry else f"uid-{os.getuid()}"


def home() -> Path:
    """The home folder that programs of this shell use: HOME's, else the account's; a folder that isn't there if
    neither is known."""
    given = os.environ.get("HOME", "")
    return Path(given) if given.startswith("/") else _own_home()


def expanded(path: Path) -> Path:
    """`path` with `~` as the account's home folder: what a setting means must not depend on a shell's HOME.

    HOME counts for an account without a home folder only. Raises RuntimeError for another user that isn't known.
    """
    if path.parts[:1] == ("~",):
        return (_own_home() if _own_home().is_dir() else home()).joinpath(*path.parts[1:])
    return path.expanduser()


def _entry() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(os.getuid())
    except KeyError:
        return None


def _own_home() -> Path:
    entry = _entry()
    return Path(entry.pw_dir if entry and entry.pw_dir else _NOWHERE)


def _renamed(argv: Sequence[str]) -> list[str]:
    someone = next((entry for entry in pwd.getpwall() if entry.pw_uid != 0), None)
    uid = someone.pw_uid if someone else 1000
    unshare = shutil.which("unshare", path=SEARCH_PATH) or "/usr/bin/unshare"
    return [unshare, "--user", f"--map-user={uid}", f"--map-group={uid}", "--", *argv]


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
# How this machine reaches what is downloaded: proxies, certificates, and where packages come from. Not what is made of
# them: PIP_TARGET, PIP_PLATFORM, UV_PROJECT or APT_CONFIG would bring other packages, or put them elsewhere.
_NETWORK = re.compile(
    r"(?i:(https?|all|no|ftp)_proxy)"
    r"|(SSL_CERT|NIX_SSL_CERT)_(FILE|DIR)|(CURL|REQUESTS)_CA_BUNDLE|NETRC|XDG_(CACHE|CONFIG)_HOME|XDG_CONFIG_DIRS"
    r"|PIP_((EXTRA_)?INDEX_URL|NO_INDEX|FIND_LINKS|TRUSTED_HOST|(CLIENT_)?CERT|PROXY|CONFIG_FILE|(NO_)?CACHE_DIR)"
    r"|PIP_((DEFAULT_)?TIMEOUT|RETRIES|KEYRING_PROVIDER|USE_FEATURE|USE_DEPRECATED)|PYTHON_KEYRING_BACKEND"
    r"|UV_\w*(INDEX|MIRROR|CACHE|TLS|CERT)\w*|UV_HTTP_\w+|UV_(INSECURE_HOST|KEYRING_PROVIDER|CONFIG_FILE)"
    r"|UV_(FIND_LINKS|OFFLINE|CONCURRENT_\w+|PYTHON|PYTHON_DOWNLOADS\w*|PYTHON_PREFERENCE)"
)
# Which of the machine's builders makes images.
BUILDER = ("DOCKER_BUILDKIT", "BUILDX_BUILDER", "BUILDX_CONFIG")


def downloading(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What is passed on to a program that downloads: what every program needs, and how the network is reached."""
    return passed_on([name for name in environ if _NETWORK.fullmatch(name)], environ)


def passed_on(names: Sequence[str], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """These variables, and those that every program needs: where programs and homes are, language, terminal."""
    known = {*_ALWAYS, *names}
    return {name: value for name, value in environ.items() if name in known or name.startswith("LC_")}


def belong_to_folder(path: Path) -> None:
    """Gives a file that root has just made to the owner of its folder, who couldn't read or extend it otherwise."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
