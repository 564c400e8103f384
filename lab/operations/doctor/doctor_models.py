"""Each model's contract, its packages, and the data set that it speaks of: what is wrong, and what to do about it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from lab.base.errors import SettingsError
from lab.config import LabConfig
from lab.models.csv_text import HEAD, foreign
from lab.models.dataset_csv import MAGIC
from lab.models.listing import CONTRACT_FILE, contract_files, file_content
from lab.models.model_folder import Model, models_in, read_contract
from lab.models.soundness import trouble
from lab.operations.doctor.finding import Finding, Verdict
from lab.operations.model_environments import state_of

# No contract without this is the default model's.
_DEFAULT = b"default"


def examine_models(config: LabConfig, whole: bool) -> Iterator[Finding]:
    """Each model's contract, packages and data; unless `whole`, only what keeps the lab from starting."""
    if not whole and (found := _of_sound_default(config)) is not None:
        # Whatever is wrong with another one is its own concern, and `up` needn't read fifty contracts.
        yield from found
        return
    models = models_in(config.pipelines)
    # Without a sound one there is nothing to train; otherwise a broken one is its own concern.
    broken = Verdict.WARN if models.sound else Verdict.FAIL
    for one in models.broken:
        yield Finding("model", broken, f"{one.slug}: {one.problem.message}", one.problem.remedy)
    if not models.sound and not models.broken:
        remedy = "Make one: `invoke new-model NAME --data FILE --target COLUMN`."
        yield Finding("model", Verdict.FAIL, f"there is no model in {config.pipelines}", remedy)
    for model in models.sound:
        if whole:
            yield _code(model)
            yield from _packages(config, model)
        if whole or model.id.default:
            yield from _data_of(config, model)


def _of_sound_default(config: LabConfig) -> Sequence[Finding] | None:
    """About the data of the default model, read without the others; None unless it and its contract are fine."""
    for path in contract_files(config.pipelines):
        with suppress(SettingsError, OSError):
            content = file_content(path)
            if _DEFAULT not in content:
                continue
            model = Model(path.parent, read_contract(path, {path: content}.__getitem__))
            if model.contract.default:
                found = list(_data_of(config, model))
                return None if any(one.verdict is Verdict.FAIL for one in found) else found
    return None


def _code(model: Model) -> Finding:
    if said := trouble(model.folder, ""):
        return Finding("model", Verdict.WARN, f"{model.contract.name} can't be trained: {said}")
    return Finding("model", Verdict.OK, f"{model.contract.name}, in {model.folder}")


def _packages(config: LabConfig, model: Model) -> Iterator[Finding]:
    if state := state_of(config, model):
        detail = state.problem or f"of {model.contract.name}: {state}, lock {state.lock_hash[:12]}"
        yield Finding("packages", Verdict.WARN if state.problem else Verdict.OK, detail, state.remedy)


def _data_of(config: LabConfig, model: Model) -> Iterator[Finding]:
    """The lab starts without data of any model but the default one."""
    if model.data.startswith("s3://"):
        return
    path = Path(model.data) if model.data else config.data_path
    remedy = f"Mend `data` in {model.folder / CONTRACT_FILE}." if model.data else "Set DATA_PATH to a CSV file."
    found = _data(path, tuple(model.contract.columns), remedy)
    mild = found.verdict is Verdict.FAIL and not model.id.default
    yield replace(found, verdict=Verdict.WARN) if mild else found


def _data(path: Path, columns: Sequence[str], remedy: str) -> Finding:
    if not (path.is_file() and os.access(path, os.R_OK)):
        return Finding("data set", Verdict.FAIL, f"{path} is not a readable file", remedy)
    with path.open("rb") as file:
        head = file.read(HEAD)
    said = "" if head.startswith(MAGIC) else foreign(head, columns)
    if said:
        return Finding("data set", Verdict.FAIL, f"{path}: {said}", remedy)
    return Finding("data set", Verdict.OK, str(path))
