"""When the lab was last written to a backup: one line beside the published heads, where exporters can read it."""

from pathlib import Path

from lab.base.account import belong_to_folder

FILE = "last-backup"


def note(folder: Path, at: float) -> None:
    """Writes down that a backup was made at that time (epoch seconds). Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = folder / f"{FILE}.part"
    part.write_text(f"{at:.3f}\n")
    part.chmod(0o600)
    belong_to_folder(part)
    part.replace(folder / FILE)


def read(folder: Path) -> float:
    """When that was (epoch seconds); 0: never, as far as is known here."""
    try:
        return float((folder / FILE).read_text())
    except (OSError, ValueError):
        return 0.0
