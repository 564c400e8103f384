"""Finds the model's folder below `pipelines/` and reads its contract; every error names file, line and remedy."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.base.errors import SettingsError
from lab.base.model_versions import MODEL_NAME
from lab.models.contract import Contract

if TYPE_CHECKING:
    import yaml

CONTRACT_FILE = "model.yaml"


@dataclass(frozen=True)
class Model:
    """A folder below `pipelines/` with its contract. The folder's name is that of its Python package."""

    folder: Path
    contract: Contract

    @property
    def module(self) -> str:
        """Where its code is imported from; it has `fit`."""
        return f"{self.folder.parent.name}.{self.folder.name}.train"

    @property
    def slug(self) -> str:
        return self.folder.name


def the_model(pipelines: Path, read: Callable[[Path], bytes] = Path.read_bytes) -> Model:
    """The one model that the lab governs; `read` gives a file's content.

    Raises SettingsError when there is none or more, or its contract is wrong.
    """
    found = sorted(pipelines.glob(f"*/{CONTRACT_FILE}"))
    if len(found) != 1:
        names = ", ".join(path.parent.name for path in found) or "none"
        raise SettingsError(
            f"{pipelines} must hold one folder with a {CONTRACT_FILE}, and holds {len(found)}: {names}.",
            "Keep one model there.",
        )
    if not found[0].parent.name.isidentifier():
        raise SettingsError(f"{found[0].parent} can't be imported.", "Name the folder with a-z, 0-9 and _.")
    contract = read_contract(found[0], read)
    if contract.name != MODEL_NAME:
        # Its audit trail, approvals and aliases are those of this name.
        raise SettingsError(f"{found[0]}: name: the lab governs {MODEL_NAME} only, not {contract.name}.", "Keep it.")
    return Model(found[0].parent, contract)


def read_contract(path: Path, read: Callable[[Path], bytes] = Path.read_bytes) -> Contract:
    """Raises SettingsError naming the file, the line and what is allowed there."""
    import yaml

    try:
        # The C library's loader takes a tenth of the time, where PyYAML has it.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(read(path))
        node = loader.get_single_node()
        raw = loader.construct_document(node) if node else None
    except OSError as err:
        raise SettingsError(f"Can't read {path}: {err.strerror}.", "Give the lab's user leave to read it.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        raise SettingsError(f"{path} is no YAML: {_first_words(err)}.", "Mend it there.") from None
    return parse_contract(raw, node, path)


def parse_contract(raw: object, node: "yaml.Node | None", path: Path) -> Contract:
    """The contract in `raw`, which was loaded from `path`; `node` knows the lines. Raises SettingsError."""
    from pydantic import ValidationError

    if node is not None and (twice := next(_repeated(node), None)):
        raise SettingsError(f"{path}, line {twice.start_mark.line + 1}: {twice.value} is there twice.", "Keep one.")
    try:
        return Contract.model_validate(raw)
    except ValidationError as err:
        first = err.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the contract"
        own, said = first["msg"].startswith("Value error, "), first["msg"].removeprefix("Value error, ")
        raise SettingsError(
            f"{path}, line {_line(node, first['loc'])}: {where}: {said if own else said[:1].lower() + said[1:]}.",
            _allowed(first["loc"]),
        ) from None


def _allowed(place: Sequence[Any]) -> str:
    field = Contract.model_fields.get(str(place[0])) if place else None
    if field is None:
        return f"Known are: {', '.join(Contract.model_fields)}."
    return f"{place[0]} is: {field.description}."


def _line(node: "yaml.Node | None", place: Sequence[Any]) -> int:
    """The line, counted from 1, of the deepest part of `place` that the file has."""
    line = 1
    for key in place:
        pairs = getattr(node, "value", ())
        if isinstance(key, int) and isinstance(pairs, list) and key < len(pairs) and not isinstance(pairs[key], tuple):
            node = pairs[key]
        else:
            found = next((pair for pair in pairs if isinstance(pair, tuple) and pair[0].value == str(key)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
            continue
        line = node.start_mark.line + 1
    return line


def _repeated(root: "yaml.Node") -> Iterator["yaml.ScalarNode"]:
    """Keys that a mapping has twice; YAML would silently take the last one."""
    waiting, known = [root], set[int]()
    while waiting:
        node = waiting.pop()
        # An alias leads to a node again, and may lead in a circle.
        if id(node) in known or not isinstance(node.value, list):
            continue
        known.add(id(node))
        seen = set()
        for item in node.value:
            if not isinstance(item, tuple):
                waiting.append(item)
                continue
            if str(item[0].value) in seen:
                yield item[0]
            seen.add(str(item[0].value))
            waiting.append(item[1])


def _first_words(err: BaseException) -> str:
    return " ".join(str(err).split())[:300]
