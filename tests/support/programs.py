"""Programs that are only a name: files that may be run."""

from pathlib import Path


def placed(folder: Path, name: str, text: str = "#!/bin/sh\n") -> Path:
    """Puts one into `folder`, which it makes where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)
    return folder / name
