"""Reads the contracts of the models' folders below `pipelines/`; every error names file, line and remedy."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from lab.base.errors import LabError, SettingsError, UsageError
from lab.base.model_id import SLUG_RULE, ModelId, folder_name, is_slug
from lab.base.names import shown
from lab.base.similar import meant
from lab.models.listing import CONTRACT_FILE, MOST_MODELS, contract_files, file_content, listed, loaded, placed

if TYPE_CHECKING:
    import yaml
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    from lab.models.contract import Contract

# What pydantic calls a key that no field has.
_UNKNOWN = "extra_forbidden"


@dataclass(frozen=True)
class Model:
    """A folder below `pipelines/` with its contract. The folder's name is that of its Python package."""

    folder: Path
    contract: "Contract"

    @property
    def module(self) -> str:
        """Where its code is imported from; it has `fit`."""
        return f"{self.folder.parent.name}.{self.folder.name}.train"

    @property
    def slug(self) -> str:
        return self.folder.name

    @property
    def data(self) -> str:
        """Where its data set is, s3://bucket/key or an absolute path; empty: where DATA_PATH says."""
        return placed(self.folder, self.contract.data)

    @property
    def id(self) -> ModelId:
        return ModelId(self.contract.name, self.slug, self.contract.default)


@dataclass(frozen=True)
class BrokenModel:
    """A folder whose contract can't be used; `name` is the registered one, empty where that can't be read either."""

    slug: str
    name: str
    problem: SettingsError

    @property
    def unread(self) -> str:
        """The folder, where the name can't be read; empty where it can."""
        return "" if self.name else self.slug


@dataclass(frozen=True)
class Models:
    """Every model, by folder; what is wrong with one is no other one's concern."""

    sound: tuple[Model, ...]
    broken: tuple[BrokenModel, ...]

    def find(self, name: str = "") -> Model:
        """The model of a registered name or a folder; without a name the default one, or the only one.

        Raises SettingsError when its contract is wrong, UsageError when there is no such model.
        """
        found = next((one for one in self.sound if name in {one.contract.name, one.slug}), None) if name else None
        found = found or (None if name else self.default)
        if found:
            return found
        for one in self.broken:
            # Of a contract that can't be read only the folder is known.
            if (
                name in {one.name, one.slug}
                or (not name and not self.sound)
                or (name and one.unread == folder_name(name))
            ):
                raise one.problem
        known = ", ".join(sorted(one.contract.name for one in self.sound)) or "none"
        if name:
            near = meant(name, [text for one in self.sound for text in (one.contract.name, one.slug)])
            raise UsageError(f"There is no model {shown(name)}.", f"{near}Known are: {known}.")
        broken = f" {self.broken[0].problem.message}" if self.broken else ""
        raise UsageError(f"No model is named, and none is the default one.{broken}", f"Name one of: {known}.")

    @property
    def default(self) -> Model | None:
        """The default model, or the only one; none where it may be one of those that are broken."""
        if chosen := next((one for one in self.sound if one.contract.default), None):
            return chosen
        return self.sound[0] if len(self.sound) == 1 and not self.broken else None


def models_in(pipelines: Path, read: Callable[[Path], bytes] = file_content) -> Models:
    """Every model below `pipelines`; `read` gives a file's content. Raises nothing.

    Where two claim one name, or to be the default one, the first by folder has it and the other one is refused.
    """
    sound: list[Model] = []
    broken: list[BrokenModel] = []
    paths = contract_files(pipelines)
    folders = {path.parent.name for path in paths}
    for number, path in enumerate(paths):
        try:
            if number >= MOST_MODELS:
                raise SettingsError(f"{path}: a lab has at most {MOST_MODELS} models.", "Use another lab for it.")
            sound.append(_alone(_model(path, read), sound, folders))
        except SettingsError as err:
            broken.append(BrokenModel(path.parent.name, listed(path, read).id.name, err))
    return Models(tuple(sound), tuple(broken))


def the_model(pipelines: Path, name: str = "", read: Callable[[Path], bytes] = file_content) -> Model:
    """One model, see `Models.find`."""
    return models_in(pipelines, read).find(name)


def _model(path: Path, read: Callable[[Path], bytes]) -> Model:
    if not is_slug(path.parent.name):
        raise SettingsError(f"{path.parent} is no name for a model's folder.", f"Use {SLUG_RULE}.")
    return Model(path.parent, read_contract(path, read))


def _alone(model: Model, others: Sequence[Model], folders: Collection[str]) -> Model:
    path, contract = model.folder / CONTRACT_FILE, model.contract
    if contract.name != model.slug and contract.name in folders:
        # Commands take either, and must never mean another model than the one that was asked for.
        raise SettingsError(
            f"{path}: name: {contract.name} is the folder of another model, and no model's name may be.",
            "Give it another name.",
        )
    for other in others:
        if other.contract.name == contract.name:
            raise SettingsError(
                f"{path}: name: {contract.name} is the model of {other.folder.name} already.", "Give it another name."
            )
        if other.contract.default and contract.default:
            raise SettingsError(
                f"{path}: default: {other.contract.name} is the default model already.", "Leave the line out."
            )
    return model


def read_contract(path: Path, read: Callable[[Path], bytes] = file_content) -> "Contract":
    """Raises SettingsError naming the file, the line and what is allowed there."""
    try:
        content = read(path)
    except OSError as err:
        raise SettingsError(f"Can't read {path}: {err.strerror}.", "Put a file there that the lab may read.") from None
    return _judged(path, content)


@lru_cache(maxsize=MOST_MODELS)
def _judged(path: Path, content: bytes) -> "Contract":
    """Judging takes many times as long as reading, and whoever asks for one model reads every contract."""
    try:
        raw, node = loaded(content)
    except LabError as err:
        raise SettingsError(f"{path} is no YAML: {err.message}.", "Mend it there.") from None
    return parse_contract(raw, node, path)


def parse_contract(raw: object, node: "yaml.Node | None", path: Path) -> "Contract":
    """The contract in `raw`, which was loaded from `path`; `node` knows the lines. Raises SettingsError."""
    # What only asks for names doesn't wait for pydantic.
    from pydantic import ValidationError

    from lab.models.contract import Contract

    if node is not None and (twice := next(_repeated(node), None)):
        raise SettingsError(f"{path}, line {twice.start_mark.line + 1}: {twice.value} is there twice.", "Keep one.")
    try:
        return Contract.model_validate(raw)
    except ValidationError as err:
        # A key that nobody knows comes first: the one that is missing may be what it was meant for.
        raise _refusal(min(err.errors(), key=lambda one: one["type"] != _UNKNOWN), node, path) from None


def _refusal(error: "ErrorDetails", node: "yaml.Node | None", path: Path) -> SettingsError:
    about = error.get("ctx", {})
    place = about.get("place", error["loc"])
    where = ".".join(map(str, place)) or "the contract"
    message = f"{path}, line {_line(node, place)}: {where}: {_wrong(error)}."
    return SettingsError(message, about.get("remedy") or _allowed(place))


def _wrong(error: "ErrorDetails") -> str:
    """What is wrong with a value, to follow its place."""
    kind, given, said = error["type"], error["input"], error["msg"]
    if kind == _UNKNOWN:
        return "there is no such field"
    if kind == "string_type" and not isinstance(given, dict | list):
        # YAML reads an unquoted yes as true.
        return f"{given!r} is no text: write it in quotes"
    if kind in {"model_type", "dict_type"}:
        return "what belongs here are lines of `name: value`"
    # Sentences of the contract's own begin with a value or a field.
    own = said.removeprefix("Value error, ")
    return own if own != said or kind == "misfit" else said[:1].lower() + said[1:]


def _allowed(place: Sequence[Any]) -> str:
    """What may stand at `place`, or at the nearest place around it that is a field."""
    for end in range(len(place), 0, -1):
        key, fields = str(place[end - 1]), _fields_at(place[: end - 1])
        if key in fields:
            return f"{key} is: {fields[key].description}."
        if fields:
            return f"{meant(key, fields)}Known are: {', '.join(fields)}."
    return f"Known are: {', '.join(_fields_at(()))}."


def _fields_at(place: Sequence[Any]) -> Mapping[str, "FieldInfo"]:
    """The fields of the part of a contract that stands at `place`; none where no part does."""
    from lab.models.contract import Contract

    kind: Any = Contract
    for key in place:
        fields = getattr(kind, "model_fields", {})
        # Columns are parts by names of the file's own.
        kind = fields[key].annotation if key in fields else (None, *get_args(kind))[-1]
    return getattr(kind, "model_fields", {})


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
