"""What a model's files are, as one hash: so that an approved model can't be replaced by another one's bytes."""

import hashlib
from pathlib import Path

# MLflow writes it into each download, to say under which name and version that was asked for.
_ADDED_BY_DOWNLOAD = "registered_model_meta"


def files_digest(folder: Path) -> str:
    """SHA-256 (hex) over the lines that coreutils' `sha256sum` prints for the folder's files, sorted by path.

    In the folder: `find . -type f ! -path ./registered_model_meta -printf '%P\\0' | LC_ALL=C sort -z |
    xargs -0 sha256sum | sha256sum`. Raises OSError.
    """
    total = hashlib.sha256()
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    for name in sorted(set(paths) - {_ADDED_BY_DOWNLOAD}, key=str.encode):
        with paths[name].open("rb") as file:
            total.update(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n".encode())
    return total.hexdigest()
