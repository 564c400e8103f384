"""`new-model`: from a file and the name of its target to a folder in `pipelines/`."""

import getpass
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.base.errors import DatasetInvalid, LabError, SettingsError, UsageError
from lab.base.similar import meant
from lab.models.contract import Contract
from lab.models.listing import CONTRACT_FILE
from lab.models.metrics import Task
from lab.models.model_folder import parse_contract, read_contract
from lab.models.proposal import train_template
from lab.models.proposal.csv_batches import Say
from lab.models.proposal.deciding import Decided, Look, decide
from lab.models.proposal.naming import Names, names_of
from lab.models.proposal.survey import survey
from lab.models.proposal.taking import Taken, take
from lab.models.proposal.writing import Files, contract_text, write

# A file up to this size is copied into the project, where the lab can read it in containers, too.
COPIED = 50 << 20
# Folders of the project that containers see, too.
_SEEN = ("data", "pipelines")
_SUFFIXES = (".csv", ".parquet")


# YAML takes no key of more than a thousand characters.
_LONGEST_NAME = 500


@dataclass(frozen=True)
class Proposal:
    """What was made, or would be; `looks` is what a person should go through, `changes` what the data's copy has."""

    name: str
    folder: Path
    task: Task
    target: str
    rows: int
    features: int
    data: str
    changes: tuple[str, ...]
    looks: tuple[Look, ...]
    files: Mapping[str, str]
    written: bool


def propose(
    root: Path,
    name: str,
    data: Path,
    target: str,
    task: str = "",
    dry: bool = False,
    say: Say = lambda _: None,
) -> Proposal:
    """Looks at the data and writes the folder, unless `dry`; `say` is told how far it is.

    Raises LabError for what a person must decide first.
    """
    if task and task not in list(Task):
        remedy = f"{meant(task, Task)}Take one of: {', '.join(Task)}."
        raise UsageError(f"--task {task}: there is no such task.", remedy)
    pipelines = root / "pipelines"
    names = names_of(name, pipelines, _known(pipelines))
    with tempfile.TemporaryDirectory() as folder:
        taken = take(data, Path(folder), say)
        found = survey(taken.path, say)
        if long := next((seen.name for seen in found.columns if len(seen.name) > _LONGEST_NAME), ""):
            what = f"The name of a column has {len(long):,} characters: {long[:40]}…"
            raise DatasetInvalid(what, f"Give it one of at most {_LONGEST_NAME}.")
        decided = decide(found, target, task)
        copy, named = _place(root, data, taken, names.slug)
        texts = _texts(names, target, decided, named)
        contract = _checked(texts[CONTRACT_FILE], pipelines / names.slug / CONTRACT_FILE)
        if not dry:
            source = None if copy is None else data if taken.original else taken.path
            write(Files(pipelines / names.slug, texts, source, copy))
    return Proposal(
        name,
        pipelines / names.slug,
        decided.task,
        target,
        found.rows,
        len(contract.features),
        named,
        taken.changes,
        decided.looks,
        texts,
        not dry,
    )


def _known(pipelines: Path) -> Mapping[str, str]:
    """The registered name of each folder there is; one whose contract is wrong keeps its folder's name."""
    known = {}
    for path in sorted(pipelines.glob(f"*/{CONTRACT_FILE}")):
        try:
            known[path.parent.name] = read_contract(path).name
        except SettingsError:
            known[path.parent.name] = path.parent.name
    return known


def _place(root: Path, data: Path, taken: Taken, slug: str) -> tuple[Path | None, str]:
    """Where the data is copied to, if it is, and what the contract calls it."""
    at = data.resolve()
    if taken.original and any(at.is_relative_to(root / name) for name in _SEEN):
        return None, at.relative_to(root).as_posix()
    if taken.original and at.stat().st_size > COPIED:
        return None, str(at)
    suffix = at.suffix.lower() if taken.original and at.suffix.lower() in _SUFFIXES else ".csv"
    return root / "data" / f"{slug}{suffix}", f"data/{slug}{suffix}"


def _texts(names: Names, target: str, decided: Decided, data: str) -> dict[str, str]:
    columns = decided.columns
    given = {n: one for n, one in columns.items() if n != target and not {"unused", "protected"} & set(one)}
    what = {Task.REGRESSION: "Predicts", Task.BINARY: "Chance that it is so:", Task.MULTICLASS: "Tells which it is:"}
    fields: dict[str, Any] = {
        "version": 1,
        "name": names.registered,
        "owner": _user(),
        "purpose": f"{what[decided.task]} {target}.",
        "limits": ["It was made from a first look at the data, and nobody has said yet what it may be used for."],
        "risk_tier": "high" if any("protected" in one for one in columns.values()) else "medium",
        "task": str(decided.task),
        "data": data,
        "target": target,
        **({"positive": decided.positive} if decided.positive else {}),
        "seed": 20_240_601,
        "split": {"by": "random" if decided.task is Task.REGRESSION else "stratified", "test": 0.25},
    }
    kinds: dict[str, Sequence[str]] = {
        kind: [n for n, one in given.items() if one["type"] == kind] for kind in ("date", "text")
    }
    return {
        CONTRACT_FILE: contract_text(fields, columns),
        "train.py": train_template.code(names.registered, target, decided.task, kinds["date"], kinds["text"]),
        "test_model.py": train_template.test_code(f"pipelines/{names.slug}", data),
    }


def _checked(text: str, path: Path) -> Contract:
    """The contract as it will be read. Raises LabError for a fault of this program."""
    import yaml

    try:
        return parse_contract(yaml.safe_load(text), None, path)
    except SettingsError as err:
        raise LabError(f"No contract could be made of this data: {err.message}", err.remedy) from None


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
