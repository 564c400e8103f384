"""A model's own environment for the lab's containers, made outside them, where indexes, proxies and certificates are.

Containers reach no network, and have no uv. Their interpreter is all that they bring: uv installs the wheels of its
version and platform, whatever this machine is, into the layout of a virtual environment of it.
"""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lab.models.environment import OwnEnvironment
from lab.models.environment_making import DEADLINE_S, Say, made, mark_of, run_uv, written

# Folder below the lab's home, which containers see as `environments`.
FOLDER = "container-environments"
# C libraries that uv knows by name; an older one takes the wheels of any.
_KNOWN = range(31, 41)
# Prints what `Interpreter` holds, a line each.
QUESTION = (
    "import os, platform, sys; "
    "print(platform.python_version(), os.path.realpath(sys.executable), platform.machine(), platform.libc_ver()[1])"
)


@dataclass(frozen=True)
class Interpreter:
    """Of a container: `executable` is no virtual environment's, `libc` the version of GNU's C library."""

    version: str
    executable: PurePosixPath
    machine: str
    libc: str

    @classmethod
    def told(cls, answer: str) -> "Interpreter":
        """What QUESTION printed. Raises ValueError for anything else."""
        version, executable, machine, libc = answer.split()
        if not all(re.match(r"\d+\.\d+", one) for one in (version, libc)):
            raise ValueError(f"no versions in {answer!r}")
        return cls(version, PurePosixPath(executable), machine, libc)

    @property
    def minor(self) -> str:
        return ".".join(self.version.split(".")[:2])

    @property
    def platform(self) -> str:
        """As uv calls it."""
        minor = int(self.libc.split(".")[1])
        named = min(minor, _KNOWN[-1]) if minor in _KNOWN or minor > _KNOWN[-1] else 28 if minor >= 28 else 17
        return f"{self.machine.replace('arm64', 'aarch64')}-manylinux_2_{named}"

    @property
    def mark(self) -> str:
        return f"{self.minor} {self.executable} {self.platform}"


def is_made(own: OwnEnvironment, environments: Path) -> bool:
    """For whichever interpreter."""
    return bool(mark_of(environments, own.lock_hash))


def make(
    own: OwnEnvironment,
    python: Interpreter,
    environments: Path,
    root: Path,
    say: Say,
    deadline_s: float = DEADLINE_S,
) -> None:
    """Makes it for this interpreter, unless it is there. Raises SettingsError for an unfit lock, and RunFailed."""
    own.check()
    made(own, environments, python.mark, say, lambda place: _install(own, python, place, root, deadline_s), deadline_s)
    # The folder is mounted by itself: another user must get in.
    environments.chmod(0o755)


def _install(own: OwnEnvironment, python: Interpreter, place: Path, root: Path, deadline_s: float) -> None:
    with written(own) as folder:
        listed = folder / "requirements.txt"
        options = ("--frozen", "--no-dev", "--no-emit-project", "--quiet", "--no-python-downloads")
        run_uv(own, root, ["export", *options, "--output-file", str(listed)], folder, deadline_s)
        argv = ["pip", "install", "--target", str(place / "lib" / f"python{python.minor}" / "site-packages")]
        argv += ["--python-version", python.minor, "--python-platform", python.platform, "--no-python-downloads"]
        argv += ["--no-build", "--require-hashes", "--no-progress", "--requirement", str(listed)]
        run_uv(own, root, argv, folder, deadline_s)
    # What `python -m venv` makes, which only the container's own Python could.
    text = f"home = {python.executable.parent}\ninclude-system-site-packages = false\nversion = {python.version}\n"
    (place / "pyvenv.cfg").write_text(text, encoding="utf-8")
    (place / "bin").mkdir(mode=0o755)
    (place / "bin" / "python").symlink_to(python.executable)
