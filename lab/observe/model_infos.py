"""What a snapshot says of the models that have a folder: each file is read again only when it changes."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from lab.base.errors import LabError
from lab.models.listing import MOST_MODELS, contract_files, glance
from lab.models.soundness import trouble
from lab.observe.snapshot import ModelInfo

_PACKAGES = ("pyproject.toml", "uv.lock")
# As much of files as tells that one has changed: path, time and size.
_States = tuple[tuple[Path, int, int], ...]


def model_infos(pipelines: Path, judged: bool = False) -> tuple[ModelInfo, ...]:
    """The models, by folder, as far as their contracts can be read. Raises nothing.

    `judged`: with what is wrong in contracts and with packages of their own, and with the folders of which nothing
    else can be told. That takes pydantic, and a tenth of a second for a lock, which no first picture waits for.
    """
    wrong = dict(_wrong(pipelines, _states(*contract_files(pipelines)))) if judged else {}
    listed = []
    for one in glance(pipelines):
        folder = pipelines / one.id.slug
        problem = wrong.pop(one.id.slug, "") or (_unfit(folder) if judged else "") or trouble(folder, one.data)
        listed.append(ModelInfo(one.id.name, one.id.default, one.decisive, problem))
    # What can't be read has no name, and a name that another model has is that one's.
    return (*listed, *(ModelInfo(slug, problem=problem) for slug, problem in wrong.items()))


def _unfit(folder: Path) -> str:
    """What is wrong with the packages of its own that a model has."""
    states = _states(*(folder / name for name in _PACKAGES))
    return _unfit_as_of(folder, states) if any(time for _, time, _ in states) else ""


def _states(*paths: Path) -> _States:
    return tuple(_state(path) for path in paths)


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


@lru_cache(maxsize=MOST_MODELS)
def _unfit_as_of(folder: Path, states: _States) -> str:  # noqa: ARG001 - what tells that one has changed
    from lab.models.environment import environment_of

    try:
        own = environment_of(folder)
        if own:
            own.check()
    except LabError as err:
        return str(err).removeprefix("pipelines/")
    return ""
