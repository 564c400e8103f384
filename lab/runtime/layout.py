"""Where the native runtime keeps what it writes: everything below the lab's home, but for sockets of a long path."""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

# A Unix socket's path may have 107 bytes on Linux and 103 on macOS; servers add suffixes of their own.
_LONGEST_SOCKET = 85


@dataclass(frozen=True)
class Layout:
    """Paths of one native lab."""

    home: Path

    @property
    def run(self) -> Path:
        """Sockets and pid files."""
        inside = self.home / "run"
        if len(os.fsencode(inside / "supervisor.sock")) <= _LONGEST_SOCKET:
            return inside
        short = sha256(os.fsencode(self.home)).hexdigest()[:10]
        # Not where TMPDIR says: every command of the lab must find the same place.
        return Path("/tmp") / f"mlops-lab-{os.getuid()}-{short}"  # noqa: S108 - `refuse_foreign` guards it

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def config(self) -> Path:
        return self.home / "config"

    @property
    def postgres(self) -> Path:
        return self.home / "postgres"

    @property
    def store(self) -> Path:
        return self.home / "object-store"

    @property
    def dagster(self) -> Path:
        return self.home / "dagster"

    @property
    def mlflow(self) -> Path:
        return self.home / "mlflow"

    @property
    def prometheus(self) -> Path:
        return self.home / "prometheus"

    @property
    def alertmanager(self) -> Path:
        return self.home / "alertmanager"

    @property
    def grafana(self) -> Path:
        return self.home / "grafana"

    @property
    def journal(self) -> Path:
        """Audit entries that couldn't be delivered yet."""
        return self.home / "journal"

    @property
    def cache(self) -> Path:
        """What libraries would otherwise write into the user's home folder."""
        return self.home / "cache"

    @property
    def scratch(self) -> Path:
        """The services' temporary files, which a killed service leaves behind."""
        return self.home / "tmp"

    @property
    def marker(self) -> Path:
        """Says that the folder is a lab's home, and whose."""
        return self.home / "lab.json"

    def folders(self) -> tuple[Path, ...]:
        return (
            self.home,
            self.run,
            self.logs,
            self.config,
            self.store,
            self.dagster,
            self.mlflow,
            self.prometheus,
            self.alertmanager,
            self.grafana,
            self.journal,
            self.cache,
            self.scratch,
        )
