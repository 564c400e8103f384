"""Where a lab's files are: below its home, but for sockets of a long path. They are written for their owner only."""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path


def write_private(path: Path, text: str) -> bool:
    """Writes `text` (mode 0600) whole or not at all; returns whether anything changed."""
    if path.exists() and path.read_text(encoding="utf-8", errors="replace") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(path.name + ".part")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)
    return True


# A Unix socket's path may have 107 bytes on Linux and 103 on macOS; servers add suffixes of their own.
_LONGEST_SOCKET = 85


@dataclass(frozen=True)
class Layout:
    """Paths of one lab."""

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
