"""Two model versions side by side: metrics with their direction, parameters, data and code."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from math import isfinite

from lab.base.catalogue import Service
from lab.base.errors import NotFound, UsageError
from lab.base.model_versions import ModelVersion
from lab.config import LabConfig
from lab.models.metrics import MORE_IS_BETTER
from lab.services.http import Http
from lab.services.mlflow import Mlflow

# What is compared of a version's tags besides its data.
_TAGS = ("data_hash", "drift_baseline_hash", "drift_state", "code_version", "approval_state", "owner")
_TIMEOUT_S = 10.0
_ENDS = ("_low", "_high")


@dataclass(frozen=True)
class MetricPair:
    """One metric of both; None where a version lacks it. `better` is `a`, `b`, or empty where nothing tells.

    `within` says that the second value lies in the first one's 95 % interval, so that chance explains the difference;
    it is None where no interval is known.
    """

    name: str
    a: float | None
    b: float | None
    difference: float | None
    more_is_better: bool | None
    better: str
    within: bool | None = None


@dataclass(frozen=True)
class TextPair:
    """A parameter or a tag of both; None where a version lacks it."""

    name: str
    a: str | None
    b: str | None

    @property
    def same(self) -> bool:
        return self.a == self.b

    @property
    def word(self) -> str:
        """`same`, `differs`, or that neither version tells."""
        return "not known" if not (self.a or self.b) else "same" if self.same else "differs"


@dataclass(frozen=True)
class Side:
    """Which version, and whether its MLflow run is still there to tell its parameters."""

    model: str
    version: str
    run_id: str
    run_known: bool

    @property
    def name(self) -> str:
        return f"{self.model} v{self.version}"


@dataclass(frozen=True)
class Comparison:
    """From `a` to `b`. `same_data` is None where one doesn't say on which rows it was trained; `cautions` say what the
    figures don't prove.
    """

    a: Side
    b: Side
    metrics: tuple[MetricPair, ...]
    parameters: tuple[TextPair, ...]
    facts: tuple[TextPair, ...]
    same_data: bool | None = None
    cautions: tuple[str, ...] = ()


def compared(
    a: ModelVersion, b: ModelVersion, params_a: Mapping[str, str] | None, params_b: Mapping[str, str] | None
) -> Comparison:
    """Pure; parameters are None for a version whose run is gone."""
    sides = [Side(v.name, v.version, v.run_id, params is not None) for v, params in ((a, params_a), (b, params_b))]
    facts = tuple(TextPair(name, a.tags.get(name), b.tags.get(name)) for name in _TAGS)
    metrics, parameters = _metrics(a.metrics, b.metrics), _texts(params_a or {}, params_b or {})
    data = next(one for one in facts if one.name == "data_hash")
    found = Comparison(sides[0], sides[1], metrics, parameters, facts, data.same if data.a and data.b else None)
    return replace(found, cautions=tuple(_cautions(found)))


def _metrics(a: Mapping[str, float], b: Mapping[str, float]) -> tuple[MetricPair, ...]:
    # The ends of an interval belong to their metric.
    names = {name for name in {*a, *b} if not (name.endswith(_ENDS) and name.rpartition("_")[0] in {*a, *b})}
    # What decides first, then what has no direction.
    ordered = sorted(names, key=lambda name: (name not in MORE_IS_BETTER, name))
    return tuple(_metric(name, a, b) for name in ordered)


def _metric(name: str, a: Mapping[str, float], b: Mapping[str, float]) -> MetricPair:
    one, two, known = a.get(name), b.get(name), MORE_IS_BETTER.get(name)
    if one is None or two is None or not (isfinite(one) and isfinite(two)):
        return MetricPair(name, one, two, None, known, "")
    better = "" if known is None or one == two else "b" if (two > one) is known else "a"
    low, high = a.get(f"{name}_low"), a.get(f"{name}_high")
    within = None if low is None or high is None else low <= two <= high
    return MetricPair(name, one, two, two - one, known, better, within)


def _texts(a: Mapping[str, str], b: Mapping[str, str]) -> tuple[TextPair, ...]:
    return tuple(TextPair(name, a.get(name), b.get(name)) for name in sorted({*a, *b}))


def _cautions(found: Comparison) -> list[str]:
    said = []
    if found.a.model != found.b.model:
        said.append("They are versions of different models: a metric of the same name may mean another thing.")
    if found.same_data is False:
        said.append("They were trained on different data: a difference may come from the data.")
    said += _about_code(next(one for one in found.facts if one.name == "code_version"))
    said += [f"The MLflow run of {one.name} is gone: its parameters and metrics aren't known."
             for one in (found.a, found.b) if not one.run_known]  # fmt: skip
    return said


def _about_code(code: TextPair) -> list[str]:
    """A version carries one fingerprint of all sources (see `lab.base.source_code`), not one of its model's."""
    if code.same or not (code.a and code.b):
        return []
    if _sources(code.a) == _sources(code.b) != "":
        return ["They come from the same sources: only the commit or the lock file of the packages differs."]
    return ["Their code differs, which covers the lab's sources and the folders of all models, not of this one only."]


def _sources(code: str) -> str:
    return next((part for part in code.split() if part.startswith("code:")), "")


async def compare(mlflow: Mlflow, a: tuple[str, str], b: tuple[str, str]) -> Comparison:
    """Compares two versions, each given as model and number. Raises NotFound, ServiceUnavailable."""
    first, second = await asyncio.gather(mlflow.version(*a), mlflow.version(*b))
    params = await asyncio.gather(_params(mlflow, first), _params(mlflow, second))
    return compared(first, second, *params)


async def in_lab(config: LabConfig, model: str, a: str, b: str) -> Comparison:
    """Compares two versions as a person names them; `model` is whose a bare number is. Raises LabError."""
    async with aclosing(Mlflow(Http.to(Service.MLFLOW, config.url(Service.MLFLOW), _TIMEOUT_S))) as mlflow:
        places = [await place_of(mlflow, model, text) for text in (a, b)]
        if places[0] == places[1]:
            raise UsageError(f"{a} and {b} are the same version.", "Name two.")
        return await compare(mlflow, places[0], places[1])


async def _params(mlflow: Mlflow, version: ModelVersion) -> Mapping[str, str] | None:
    try:
        return await mlflow.run_params(version.run_id) if version.run_id else None
    except NotFound:  # a run can be deleted while its version stays
        return None


async def place_of(mlflow: Mlflow, model: str, text: str) -> tuple[str, str]:
    """The version that a person means by a number, an alias, or either of them behind `MODEL/`.

    Raises UsageError, NotFound.
    """
    named, _, which = text.strip().rpartition("/")
    name, which = named or model, which.removeprefix("@")
    which = which[1:] if which[:1] == "v" and which[1:].isdigit() else which
    if which.isdigit():
        return name, which
    if not which:
        raise UsageError(f"{text!r} names no version.", "Give a number as 7, or an alias as champion.")
    held = await mlflow.aliases(name)
    found = next((number for number, names in held.items() if which in names), "")
    if not found:
        known = ", ".join(sorted({alias for names in held.values() for alias in names})) or "none"
        raise NotFound(f"{name} has no version with the alias {which}.", f"Its aliases: {known}; or give a number.")
    return name, found
