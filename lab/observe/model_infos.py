"""What a snapshot says of the models that have a folder: read again only when a contract changes."""

from functools import lru_cache
from pathlib import Path

from lab.base.errors import LabError
from lab.models.model_folder import CONTRACT_FILE, MOST_MODELS, listed_models, read_contract
from lab.observe.snapshot import ModelInfo


def model_infos(pipelines: Path) -> tuple[ModelInfo, ...]:
    """The models, by folder, as far as their contracts can be read. Raises nothing."""
    found = []
    for one in listed_models(pipelines):
        path = pipelines / one.slug / CONTRACT_FILE
        try:
            status = path.stat()
            primary = _primary_as_of(path, status.st_mtime_ns, status.st_size)
        except OSError:
            continue
        found.append(ModelInfo(one.name, one.default, primary))
    return tuple(found)


@lru_cache(maxsize=4 * MOST_MODELS)
def _primary_as_of(path: Path, changed: int, size: int) -> str:  # noqa: ARG001 - what tells one content from another
    try:
        return read_contract(path).decisive
    except LabError:
        return ""
