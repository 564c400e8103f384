"""What would keep the lab from starting, each finding with its remedy."""

import os
import resource
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from lab.base.account import unprivileged
from lab.base.errors import LabError
from lab.config import LabConfig
from lab.operations.doctor.doctor_alerts import examine_alerts
from lab.operations.doctor.doctor_models import examine_models
from lab.operations.doctor.doctor_ports import examine_ports, native_ports, published
from lab.operations.doctor.finding import Finding, Verdict
from lab.runtime.binaries import NotInstalled, Resolver
from lab.runtime.binaries.packages import ALERTMANAGER, GRAFANA, PROMETHEUS
from lab.runtime.compose.engine import answers
from lab.runtime.lab_marker import COMPOSE, MINIO, runtime_name
from lab.runtime.native.orphan_processes import owned
from lab.runtime.native.service_files import is_strangers
from lab.runtime.native.supervisor import NEEDED_FILES

NEEDED_MEMORY = 2 << 30
NEEDED_DISK = 2 << 30


def examine(config: LabConfig, binaries: Resolver, whole: bool = True) -> tuple[Finding, ...]:
    """Looks at everything that `up` needs on this host; a few hundred milliseconds, changes nothing.

    Unless `whole`, at what can fail only: the rest costs questions and large files, more of them with more models.
    """
    if runtime_name(config) == COMPOSE:
        from lab.operations.doctor.doctor_compose import examine_containers

        engine, mine = examine_containers(config)
        return (
            _python(),
            *engine,
            *examine_ports(config, mine.__contains__, published()),
            *_places(config, whole),
            examine_alerts(config),
        )
    mine_here = {process.pid for process in owned(config.home)}
    return (
        _python(),
        *native_ports(config, mine_here, binaries),
        _memory(bool(mine_here)),
        _open_files(),
        *_places(config, whole),
        *_binaries(binaries),
        examine_alerts(config, binaries),
        *_store(config),
        *_root(),
        *([_engine()] if whole else ()),
    )


def _places(config: LabConfig, whole: bool) -> Iterator[Finding]:
    yield _disk(config.home)
    yield _home(config)
    yield from _settings(config.env_file)
    yield from examine_models(config, whole)
    if whole:
        from lab.operations.doctor.doctor_mlflow import examine_mlflow

        yield _signing()
        yield from examine_mlflow(config)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", Verdict.OK, f"{version} at {sys.executable}")


def _signing() -> Finding:
    found = shutil.which("ssh-keygen")
    if found:
        return Finding("signing", Verdict.OK, f"ssh-keygen at {found}")
    remedy = "Install OpenSSH's client (Debian: `sudo apt-get install openssh-client`)."
    return Finding("signing", Verdict.WARN, "ssh-keygen isn't here, with which decisions are signed", remedy)


def _memory(running: bool) -> Finding:
    free = psutil.virtual_memory().available
    detail = f"{free / 2**30:.1f} GB available"
    if free >= NEEDED_MEMORY or running:
        return Finding("memory", Verdict.OK, detail)
    return Finding("memory", Verdict.FAIL, f"{detail}, {NEEDED_MEMORY >> 30} GB needed", "Close other programs.")


def _open_files() -> Finding:
    """The limit that a process can't raise itself: below what servers need they fail in the middle of their work."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY or hard >= NEEDED_FILES:
        return Finding("open files", Verdict.OK, f"each process may have {NEEDED_FILES}")
    detail = f"each process may have {hard}, {NEEDED_FILES} needed"
    remedy = f"Raise the hard limit: `ulimit -Hn {NEEDED_FILES}` as root, or in the unit or container around this."
    return Finding("open files", Verdict.FAIL, detail, remedy)


def _disk(home: Path) -> Finding:
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    detail = f"{free / 2**30:.1f} GB free at {place}"
    if free >= NEEDED_DISK:
        return Finding("disk", Verdict.OK, detail)
    remedy = "Free some, or set LAB_HOME to a folder on another disk."
    return Finding("disk", Verdict.FAIL, f"{detail}, {NEEDED_DISK >> 30} GB needed", remedy)


def _home(config: LabConfig) -> Finding:
    home = config.home
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    if not place.is_dir() or not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        return Finding("lab home", Verdict.FAIL, f"{place} is not a folder you can write to", "Set LAB_HOME.")
    if is_strangers(config):
        remedy = "Set LAB_HOME to an empty folder or a new one."
        return Finding("lab home", Verdict.FAIL, f"{home} holds files that are no lab's", remedy)
    return Finding("lab home", Verdict.OK, str(home))


def _settings(path: Path) -> Iterator[Finding]:
    """The file with the lab's secrets."""
    if path.exists():
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            yield Finding("settings", Verdict.WARN, f"others may read {path} ({mode:04o})", f"Type `chmod 600 {path}`.")
        else:
            yield Finding("settings", Verdict.OK, str(path))
    elif not os.access(path.parent, os.W_OK):
        remedy = "Set LAB_ENV_FILE to a file in a folder of your own."
        yield Finding("settings", Verdict.FAIL, f"{path} can't be written", remedy)


def _binaries(binaries: Resolver) -> Iterator[Finding]:
    shipped = {"postgres": binaries.postgres_folder, "weed": binaries.weed, "supervisord": binaries.supervisord}
    for name, find in shipped.items():
        try:
            yield Finding(name, Verdict.OK, str(find()))
        except LabError as err:
            yield Finding(name, Verdict.FAIL, err.message, err.remedy)
    for package in (PROMETHEUS, ALERTMANAGER, GRAFANA):
        found = binaries.locate(package, package.name)
        if isinstance(found, NotInstalled):
            yield Finding(package.name, Verdict.WARN, found.reason, found.remedy)
        else:
            yield Finding(
                package.name, Verdict.OK, f"{found.path} ({found.version or 'its own version'}, {found.source})"
            )


def _store(config: LabConfig) -> Iterator[Finding]:
    if config.object_store == MINIO:
        detail = "OBJECT_STORE=minio has no meaning for processes of this machine: they store in SeaweedFS"
        yield Finding("object store", Verdict.WARN, detail, "Set OBJECT_STORE=seaweedfs, or RUNTIME=compose.")


def _root() -> Sequence[Finding]:
    """PostgreSQL refuses to run as root: it is given another uid in a user namespace."""
    argv = unprivileged(["true"])
    if argv == ["true"]:
        return ()
    who = "root" if os.getuid() == 0 else f"uid {os.getuid()}, which has no name"
    remedy = "Run the lab as an ordinary user."
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as err:
        return (Finding("user", Verdict.FAIL, f"{who}, and no user namespace can be had: {err}", remedy),)
    if done.returncode:
        return (Finding("user", Verdict.FAIL, f"{who}, and user namespaces are off: {done.stderr.strip()}", remedy),)
    return (Finding("user", Verdict.OK, f"{who}; PostgreSQL gets a user namespace of its own"),)


def _engine() -> Finding:
    there = answers()
    return Finding("docker", Verdict.OK, f"{'an' if there else 'no'} engine answers; the native runtime needs none")
