"""What a snapshot says of the models that have a folder: each file is read again only when it changes."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from lab.models.listing import contract_files, glance
from lab.models.soundness import trouble
from lab.observe.snapshot import ModelInfo

# As much of every contract as tells that one has changed: its path, time and size.
_States = tuple[tuple[Path, int, int], ...]


def model_infos(pipelines: Path, judged: bool = False) -> tuple[ModelInfo, ...]:
    """The models, by folder, as far as their contracts can be read. Raises nothing.

    `judged`: with what is wrong in contracts, and with the folders of which nothing else can be told. That imports
    pydantic, which no first picture waits for.
    """
    wrong = dict(_wrong(pipelines, _states(pipelines))) if judged else {}
    listed = [
        ModelInfo(
            one.id.name,
            one.id.default,
            one.decisive,
            wrong.pop(one.id.slug, "") or trouble(pipelines / one.id.slug, one.data),
        )
        for one in glance(pipelines)
    ]
    # What can't be read has no name, and a name that another model has is that one's.
    return (*listed, *(ModelInfo(slug, problem=problem) for slug, problem in wrong.items()))


def _states(pipelines: Path) -> _States:
    return tuple(_state(path) for path in contract_files(pipelines))


def _state(path: Path) -> tuple[Path, int, int]:
    try:
        status = path.stat()
    except OSError:
        return path, 0, 0
    return path, status.st_mtime_ns, status.st_size


@lru_cache(maxsize=4)
def _wrong(pipelines: Path, states: _States) -> Mapping[str, str]:  # noqa: ARG001 - what tells that one has changed
    """What is wrong in contracts, by folder."""
    from lab.models.model_folder import models_in

    broken = models_in(pipelines).broken
    return {one.slug: str(one.problem).replace(f"{pipelines}/", "") for one in broken}
