"""What there is below `pipelines/`, at a glance: what contracts say of themselves, not judged, and cheap with many."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from errno import EINVAL
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any

from lab.base.drift_report import DRIFTED
from lab.base.errors import LabError
from lab.base.model_id import ModelId, is_slug
from lab.base.names import is_model_name
from lab.models.metrics import METRICS, usual
from lab.models.yaml_text import composed

if TYPE_CHECKING:
    import yaml

CONTRACT_FILE = "model.yaml"
# Each has its own metrics, job and checks; nobody looks after more of them in one lab.
MOST_MODELS = 200


@dataclass(frozen=True)
class Listed:
    """A model as its contract tells of it; no name where none can be read. `decisive` is the metric that decides.

    `data` is where its data set is, s3://bucket/key or an absolute path; empty: where DATA_PATH says.
    """

    id: ModelId
    decisive: str = ""
    data: str = ""


def contract_files(pipelines: Path) -> list[Path]:
    """Every contract, by folder."""
    return sorted(pipelines.glob(f"*/{CONTRACT_FILE}"))


def glance(pipelines: Path) -> tuple[Listed, ...]:
    """The models, by folder, as far as their contracts can be read; each is read again only when it changes."""
    found: dict[str, Listed] = {}
    paths = contract_files(pipelines)[:MOST_MODELS]
    folders = {path.parent.name for path in paths}
    for path in paths:
        try:
            status = path.stat()
            one = _listed_as_of(path, status.st_mtime_ns, status.st_size)
        except OSError:
            continue
        anothers = one.id.name != one.id.slug and one.id.name in folders
        if one.id.name and one.id.name not in found and is_slug(one.id.slug) and not anothers:
            taken = any(known.id.default for known in found.values())
            name = ModelId(one.id.name, one.id.slug, one.id.default and not taken)
            found[one.id.name] = replace(one, id=name)
    return tuple(found.values())


def listed_models(pipelines: Path) -> tuple[ModelId, ...]:
    """What the models are called, by folder."""
    return tuple(one.id for one in glance(pipelines))


def names_in(pipelines: Path) -> frozenset[str]:
    """The registered names of the models that a lab governs."""
    return frozenset(one.name for one in listed_models(pipelines))


def file_content(path: Path) -> bytes:
    """What the file has. Raises OSError, also for a pipe or a device, whose end nobody may ever come to."""
    if not S_ISREG(path.stat().st_mode):
        raise OSError(EINVAL, "it is no file", str(path))
    return path.read_bytes()


def drift_limit(folder: Path) -> float:
    """The PSI above which a feature of the model's data has drifted, as far as that can be read.

    Never more than usual: nobody signs a contract before it is read here, and it must not silence an alarm.
    """
    try:
        told = told_in(file_content(folder / CONTRACT_FILE), "drift")["drift"]["psi"]
    except (OSError, LabError, ValueError, RecursionError, LookupError, TypeError):
        return DRIFTED
    return min(float(told), DRIFTED) if isinstance(told, int | float) and told > 0 else DRIFTED


@lru_cache(maxsize=4 * MOST_MODELS)
def _listed_as_of(path: Path, changed: int, size: int) -> Listed:  # noqa: ARG001 - what tells one content from another
    return listed(path)


def listed(path: Path, read: Callable[[Path], bytes] = file_content) -> Listed:
    """What the contract at `path` says of itself. Raises nothing."""
    nothing = Listed(ModelId("", path.parent.name))
    try:
        told = told_in(read(path), "name", "default", "task", "metrics", "primary", "data")
    except (OSError, LabError, ValueError, RecursionError):
        return nothing
    name = told.get("name")
    if not isinstance(name, str) or not is_model_name(name):
        return nothing
    named = told.get("data")
    data = placed(path.parent, named) if isinstance(named, str) else ""
    return Listed(ModelId(name, path.parent.name, told.get("default") is True), _decisive(told), data)


def placed(folder: Path, data: str) -> str:
    """Where a data set is that the contract in `folder` names."""
    return data if not data or data.startswith("s3://") else str(folder.parent.parent / data)


def _decisive(told: dict[str, Any]) -> str:
    """As `Contract.decisive`; empty where the contract names none that the lab knows."""
    known = next((task for task in METRICS if task == told.get("task")), None)
    if known is None:
        return ""
    computed = told.get("metrics") or usual(known)
    chosen = told.get("primary") or (computed[0] if isinstance(computed, list | tuple) else "")
    return chosen if chosen in METRICS[known] else ""


def told_in(content: bytes, *keys: str) -> dict[str, Any]:
    """What a contract says of these keys. Raises LabError for what is no YAML.

    To make values of a whole contract takes as long as to read it, and who lists models needs few of them.
    """
    loader, node = _composed(content)
    if node is None or not _is_mapping(node):
        return {}
    with _as_yaml():
        chosen = {str(key.value): value for key, value in node.value if str(key.value) in keys}
        return {key: loader.construct_object(value, deep=True) for key, value in chosen.items()}


def loaded(content: bytes) -> tuple[Any, "yaml.Node | None"]:
    """What a contract says, and the nodes that know its lines. Raises LabError for what is no YAML."""
    loader, node = _composed(content)
    with _as_yaml():
        return (loader.construct_document(node) if node else None), node


def _composed(content: bytes) -> tuple[Any, "yaml.Node | None"]:
    with _as_yaml():
        return composed(content)


def _is_mapping(node: "yaml.Node") -> bool:
    import yaml

    return isinstance(node, yaml.MappingNode)


@contextmanager
def _as_yaml() -> Iterator[None]:
    import yaml

    try:
        yield
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        raise LabError(" ".join(str(err).split())[:300]) from None
