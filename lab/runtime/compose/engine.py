"""The container engine: where it is, whether it answers, and how Compose is called."""

import functools
import http.client
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lab.base.account import ENGINE, home, passed_on
from lab.base.errors import LabError

if TYPE_CHECKING:
    from docker import DockerClient

DEFAULT_ADDRESS = "unix:///var/run/docker.sock"
# How long a call may take that isn't known to take longer.
TIMEOUT_S = 60.0
OLDEST_API = (1, 41)
# The first that lets an `env_file` be absent.
OLDEST_COMPOSE = (2, 24)
_PING_S = 0.8
_VERSION_S = 20.0
_START = "Start Docker, or set RUNTIME=native."


def address(environ: Mapping[str, str] = os.environ) -> str:
    """The engine's URL as the docker command finds it: DOCKER_HOST, else the chosen context, else the usual socket."""
    if environ.get("DOCKER_HOST"):
        return environ["DOCKER_HOST"]
    return _context_host(environ) or DEFAULT_ADDRESS


def _context_host(environ: Mapping[str, str]) -> str:
    folder = _config_folder(environ)
    try:
        chosen = json.loads((folder / "config.json").read_text()).get("currentContext", "")
    except (OSError, ValueError, AttributeError):
        chosen = ""
    name = environ.get("DOCKER_CONTEXT") or chosen
    if not name or name == "default":
        return ""
    # Contexts lie in folders named for the hash of their name.
    meta = folder / "contexts" / "meta" / sha256(name.encode()).hexdigest() / "meta.json"
    try:
        return str(json.loads(meta.read_text())["Endpoints"]["docker"]["Host"])
    except (OSError, ValueError, KeyError, TypeError):
        raise LabError(
            f"The Docker context {name!r} can't be read at {meta}.", "Choose one of `docker context ls`."
        ) from None


def _config_folder(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("DOCKER_CONFIG") or home() / ".docker")


def answers(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether an engine is there; takes less than a second, and imports nothing heavy where the engine is near."""
    try:
        where = address(environ)
        if urlsplit(where).scheme in {"unix", "tcp", "http"} and not environ.get("DOCKER_TLS_VERIFY"):
            return _ping(where)
        engine(_PING_S, environ).close()
    except (LabError, OSError, http.client.HTTPException):
        return False
    return True


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_PING_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_PING_S)
        self.sock.connect(self._path)


def _ping(where: str) -> bool:
    parts = urlsplit(where)
    connection = (
        _UnixConnection(parts.path)
        if parts.scheme == "unix"
        else http.client.HTTPConnection(parts.hostname or "localhost", parts.port or 2375, timeout=_PING_S)
    )
    try:
        connection.request("GET", "/_ping")
        return connection.getresponse().status == http.client.OK
    finally:
        connection.close()


def engine(timeout_s: float = TIMEOUT_S, environ: Mapping[str, str] = os.environ) -> "DockerClient":
    """A client of the engine; every call of it has `timeout_s`. Raises LabError with the remedy."""
    from docker.errors import DockerException

    where = address(environ)
    _knock(where)
    try:
        client = _client(where, environ, timeout_s)
        version = client.api.api_version
    except DockerException as err:
        raise LabError(f"The Docker engine at {where} gives no answer: {_cause(err)}.", _START) from None
    if tuple(map(int, version.split("."))) < OLDEST_API:
        client.close()
        needed = ".".join(map(str, OLDEST_API))
        raise LabError(f"The Docker engine at {where} is too old: its API is {version}.", f"Update it to API {needed}.")
    return client


def _client(where: str, environ: Mapping[str, str], timeout_s: float) -> "DockerClient":
    import docker

    if environ.get("DOCKER_HOST") or environ.get("DOCKER_TLS_VERIFY"):
        settings: dict[str, Any] = {**environ, "DOCKER_HOST": where}
        return docker.from_env(timeout=timeout_s, environment=settings, use_ssh_client=where.startswith("ssh://"))  # type: ignore[arg-type]
    return docker.DockerClient(base_url=where, timeout=timeout_s, use_ssh_client=where.startswith("ssh://"))  # type: ignore[arg-type]


def _knock(where: str) -> None:
    """The usual reasons for silence, told apart: the SDK buries them three exceptions deep."""
    parts = urlsplit(where)
    if parts.scheme != "unix":
        return
    try:
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(_PING_S)
            door.connect(parts.path)
    except PermissionError:
        remedy = "Let yourself use it: `sudo usermod -aG docker $USER`, then log in again. Or set RUNTIME=native."
        raise LabError(f"You may not use the Docker engine at {where}.", remedy) from None
    except OSError as err:
        raise LabError(f"No Docker engine answers at {where}: {err.strerror or err}.", _START) from None


def _cause(err: Exception) -> str:
    return str(err).splitlines()[0].rstrip(".") if str(err) else type(err).__name__


def docker_command() -> str:
    """The docker command, which builds images. Raises LabError."""
    if found := shutil.which("docker"):
        return found
    raise LabError("The docker command is missing.", "Install it (Debian: docker-cli or docker.io).")


@functools.cache
def compose_command() -> tuple[str, ...]:
    """The beginning of Compose's command line: Docker's plugin, else a program of its own. Raises LabError."""
    docker = shutil.which("docker")
    found: list[tuple[str, ...]] = [(docker, "compose")] if docker else []
    found += [(path,) for path in (shutil.which("docker-compose"), _packaged()) if path and not _is_wrapper(path)]
    versions = {argv: _compose_version(argv) for argv in found}
    for argv, version in versions.items():
        if version >= OLDEST_COMPOSE:
            return argv
    needed = ".".join(map(str, OLDEST_COMPOSE))
    old = [".".join(map(str, version)) for version in versions.values() if version]
    message = f"Compose {old[0]} is too old." if old else "Docker Compose is missing."
    raise LabError(
        message, f"Install Compose {needed} or newer (Debian: docker-compose-plugin of Docker's own packages)."
    )


def _packaged() -> str:
    """The program inside the Python package that brings Compose, beside Python's wrapper of it."""
    spec = importlib.util.find_spec("compose")
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(place) / "docker-compose").is_file() and os.access(path, os.X_OK):
            return str(path)
    return ""


def _is_wrapper(path: str) -> bool:
    """Whether it is a script: the one of the Python package hides failures."""
    with Path(path).open("rb") as file:
        return file.read(2) == b"#!"


def _compose_version(argv: tuple[str, ...]) -> tuple[int, ...]:
    try:
        done = subprocess.run(
            [*argv, "version", "--short"],
            env=passed_on(ENGINE),
            capture_output=True,
            text=True,
            timeout=_VERSION_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    numbers = re.match(r"v?(\d+)\.(\d+)", done.stdout.strip())
    return tuple(map(int, numbers.groups())) if done.returncode == 0 and numbers else ()


DEADLINE_S = 600.0


class Compose:
    """The command line of Compose with the variables of a lab. Methods raise LabError."""

    def __init__(self, variables_file: Path) -> None:
        self._variables_file = variables_file

    def run(self, *arguments: str, deadline_s: float = DEADLINE_S) -> None:
        """Raises LabError with Compose's own words when it fails."""
        try:
            done = subprocess.run(
                [*self._line(), "--progress", "plain", *arguments],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=deadline_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise LabError(
                f"`docker compose {arguments[0]}` wasn't done after {deadline_s:.0f} s.", "Type `invoke doctor`."
            ) from None
        if done.returncode:
            said = "\n".join(f"    {line}" for line in done.stdout.strip().splitlines()[-15:])
            raise LabError(f"`docker compose {arguments[0]}` failed:\n{said}", "Type `invoke doctor`.")

    def execute(self, service: str, argv: Sequence[str], terminal: bool) -> int:
        """Runs a command inside the service's container, with this process's streams; returns its exit code."""
        options = [] if terminal else ["-T"]
        line = [*self._line(), "exec", *options, service, *argv]
        return subprocess.run(line, env=_environment(), check=False).returncode

    def answer(self, service: str, argv: Sequence[str], deadline_s: float = 60.0) -> str:
        """What a command inside the service's container prints. Raises LabError when it fails."""
        line = [*self._line(), "exec", "-T", service, *argv]
        try:
            done = subprocess.run(
                line,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=deadline_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise LabError(
                f"The container {service} gave no answer within {deadline_s:.0f} s.",
                f"Type `invoke logs {service}`, or try again when the machine is less busy.",
            ) from None
        if done.returncode:
            said = " ".join(done.stderr.split())[-300:]
            raise LabError(f"The container {service} can't be asked: {said}", "Type `invoke up`.")
        return done.stdout

    def _line(self) -> list[str]:
        return [*compose_command(), "--env-file", str(self._variables_file), "--ansi", "never"]


def _environment() -> dict[str, str]:
    """Little from the caller's shell: a variable there would win over the lab's own."""
    proxies = [name for name in os.environ if name.lower().endswith("_proxy")]
    return passed_on([*ENGINE, *proxies])
