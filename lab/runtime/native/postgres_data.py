"""Making a PostgreSQL data folder."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psutil

from lab.base.account import unprivileged
from lab.base.errors import LabError
from lab.runtime.layout import Layout
from lab.runtime.native.command_lines import base_environment


def ensure_cluster(bin_folder: Path, layout: Layout, password: str) -> bool:
    """Runs initdb unless the data folder is complete; returns whether it did. Raises LabError with initdb's words."""
    if (layout.postgres / "PG_VERSION").exists():
        _drop_stale_pid_file(layout.postgres)
        return False
    unfinished = layout.postgres.with_name("postgres.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    with tempfile.NamedTemporaryFile("w", dir=layout.config, prefix="pw-") as file:
        file.write(password)
        file.flush()
        argv = [str(bin_folder / "initdb"), "-D", str(unfinished), "--username=postgres", f"--pwfile={file.name}"]
        # Nothing is lost with an unsynced empty cluster: it is renamed into place only when complete.
        argv += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        done = subprocess.run(
            unprivileged(argv), env=base_environment(layout), capture_output=True, text=True, timeout=120, check=False
        )
    if done.returncode:
        raise LabError(f"initdb failed: {(done.stderr or done.stdout).strip()}", "Type `invoke doctor`.")
    unfinished.rename(layout.postgres)
    return True


def _drop_stale_pid_file(folder: Path) -> None:
    """After a reboot another program may have the old server's pid, and PostgreSQL would refuse to start."""
    path = folder / "postmaster.pid"
    try:
        alive = psutil.Process(int(path.read_text().split()[0]))
        if "postgres" in alive.name() and os.fsencode(folder) in os.fsencode(" ".join(alive.cmdline())):
            return
    except (OSError, ValueError, IndexError, psutil.Error):
        pass  # no such file, one that the machine's crash left empty, or nobody's number
    path.unlink(missing_ok=True)
