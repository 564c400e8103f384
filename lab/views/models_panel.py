"""The models panel: versions and their governance tags, under their model where there are several."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import groupby

from lab.base.model_versions import ModelVersion
from lab.views import formats
from lab.views.by_model import champions, label, names, primary
from lab.views.cells import Cell, Column, Line, PanelView, Row, Span, Tone, cell
from lab.views.document import Detail
from lab.views.same import KEPT, Same
from lab.views.view import View, source_panel
from lab.views.waiting import PROBE, waits_for

APPROVAL: dict[str, tuple[str, Tone]] = {
    "pending_staging": ("◐", Tone.WARN),
    "approved_staging": ("✓", Tone.OK),
    "pending_prod": ("◐", Tone.WARN),
    "approved_prod": ("★", Tone.OK),
    "rejected": ("✗", Tone.BAD),
    "archived": ("○", Tone.MUTED),
}
COLUMNS = (
    Column("version", "version", 1, 10, 24),
    Column("approval", "approval", 1, 18),
    Column("metric", "metric", 2, 5, 8, right=True),
    Column("change", "Δ champion", 6, 10, right=True),
    Column("waits", "waits for", 3, 11, 24),
    Column("tags", "tags", 4, 4),
    Column("data", "data", 5, 8),
    Column("owner", "owner", 8, 16, 26),
    Column("environment", "env", 9, 7),
    Column("age", "age", 7, 4, right=True),
)
EMPTY = "No model version yet.\nTrain one with `invoke demo-run`."


def panel(view: View) -> PanelView:
    """The newest versions."""
    train = f"Train one with `invoke train {view.model}`."
    empty = f"No version of {view.model} yet.\n{train}" if view.model else EMPTY
    return source_panel("Models", view.snapshot.models, view, empty, lambda value: _models(value, view))


def _models(versions: Sequence[ModelVersion], view: View) -> PanelView:
    flagged = sum(bool(v.missing_tags) for v in versions)
    known = names(view.snapshot)
    said = formats.clean(known[0]) if len(known) == 1 else f"{len(known)} models"
    status: Line = (Span(said, Tone.MUTED),) if versions else ()
    if flagged:
        status = (Span(f"▲ {flagged} with missing tags", Tone.WARN),)
    decisive = {version.name: primary(version.name, view) for version in versions}
    title = label(next(iter(decisive.values()))) if len(set(decisive.values())) == 1 else ""
    columns = tuple(replace(c, title=title or "value") if c.key == "metric" else c for c in COLUMNS)
    return PanelView("", status, columns=columns, rows=tuple(_rows(versions, decisive, view)))


def _rows(versions: Sequence[ModelVersion], decisive: dict[str, str], view: View) -> Iterator[Row]:
    place, best = {name: index for index, name in enumerate(names(view.snapshot))}, champions(versions)
    # What a verification registered for a moment hides nothing that people work on.
    ordered = sorted(versions, key=lambda one: (place[one.name], is_probe(one)))
    broken = {one.name: one.problem for one in view.snapshot.lab.models if one.problem}
    # Nobody would see that they can't be trained before somebody tries to.
    yield from (_broken(name, broken[name]) for name in sorted(broken.keys() - decisive.keys(), key=place.__getitem__))
    for model, found in groupby(ordered, key=lambda one: one.name):
        listed = list(found)
        if model in broken:
            yield _broken(model, broken[model])
        elif view.several:
            yield _heading(model, listed, best.get(model), decisive[model])
        yield from (_version(one, best.get(model), decisive[model], view) for one in listed)


def _broken(model: str, problem: str) -> Row:
    """Says why the model can't be trained."""
    spans = (Span(formats.clean(model), Tone.ACCENT), Span(f" ✗ can't be trained: {formats.clean(problem)}", Tone.BAD))
    return Row(f"{model}/", {}, ("version", Cell(spans)), heading=True)


def _heading(model: str, versions: Sequence[ModelVersion], champion: ModelVersion | None, metric: str) -> Row:
    """Says how the model stands: its champion, and the state of the newest version."""
    newest = versions[0]
    best = Span(" · no champion", Tone.MUTED)
    if champion:
        best = Span(f" · champion v{formats.clean(champion.version)}", Tone.OK)
    spans = (
        Span(formats.clean(model), Tone.ACCENT),
        Span(f" {label(metric)}" if metric else "", Tone.MUTED),
        best,
        Span(f" · v{formats.clean(newest.version)} ", Tone.MUTED),
        approval(newest.tags.get("approval_state", "")),
    )
    return Row(f"{model}/", {}, ("version", Cell(spans)), heading=True)


def _version(version: ModelVersion, champion: ModelVersion | None, metric: str, view: View) -> Row:
    age = formats.age(view.epoch - version.created_at)
    return _row(Same(version), Same(champion), metric, waits_for(version, view), age)


@lru_cache(maxsize=KEPT)
def _row(of: Same[ModelVersion], best: Same[ModelVersion | None], metric: str, waits: Span, age: str) -> Row:
    version, champion = of.value, best.value
    tags = version.tags
    cells = {
        "version": Cell((Span(f"v{formats.clean(version.version)}", Tone.STRONG), *aliases(version))),
        "approval": Cell((approval(tags.get("approval_state", "")),)),
        "waits": Cell((waits,)),
        "metric": cell(figure(measure(version, metric))),
        "change": Cell((change(version, champion, metric),)),
        "data": cell(formats.short(tags.get("data_hash", "")), Tone.MUTED),
        "tags": Cell((missing(version),)),
        "owner": cell(formats.clean(tags.get("owner", "")) or formats.NOTHING, Tone.MUTED),
        "environment": cell(formats.clean(tags.get("environment", "")) or formats.NOTHING, Tone.MUTED),
        "age": cell(age, Tone.MUTED),
    }
    return Row(version_key(version), cells)


def is_probe(version: ModelVersion) -> bool:
    """Whether a verification registered it to try a guardrail."""
    return version.tags.get("owner") == PROBE


def version_key(version: ModelVersion) -> str:
    """The same for the same version in every snapshot."""
    return f"{version.name}/{version.version}"


def version_url(version: ModelVersion, view: View) -> str:
    """The version's page in MLflow."""
    base = view.service_url("mlflow")
    return f"{base}/#/models/{version.name}/versions/{version.version}" if base else ""


def aliases(version: ModelVersion) -> Line:
    """The aliases that point at the version."""
    return tuple(Span(f" @{formats.clean(alias)}", Tone.ACCENT) for alias in version.aliases)


def approval(state: str) -> Span:
    """The approval state with its shape."""
    if not state:
        return Span("? no approval state", Tone.WARN)
    glyph, tone = APPROVAL.get(state, ("?", Tone.WARN))
    return Span(f"{glyph} {formats.clean(state).replace('_', ' ')}", tone)


def missing(version: ModelVersion) -> Span:
    """Whether every governance tag is there."""
    count = len(version.missing_tags)
    return Span(f"▲ {count}", Tone.WARN) if count else Span("✓", Tone.OK)


def measure(version: ModelVersion, metric: str) -> float | None:
    """The version's value of the metric that decides."""
    return version.metrics.get(metric)


def figure(value: float | None) -> str:
    """Three decimals, or as many digits of a metric in the target's unit as the narrowest column shows."""
    if value is None:
        return formats.NOTHING
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.2f}" if abs(value) < 100 else f"{value:.4g}"


def change(version: ModelVersion, champion: ModelVersion | None, metric: str) -> Span:
    """The distance from the champion's value; whether it is for the better, the tone says."""
    ours, theirs = measure(version, metric), measure(champion, metric) if champion else None
    if ours is None or theirs is None:
        return Span(formats.NOTHING, Tone.MUTED)
    if version is champion:
        return Span("champion", Tone.MUTED)
    difference = ours - theirs
    if abs(difference) < 0.0005:
        return Span("= 0.000", Tone.MUTED)
    # Imported with the first champion: before the first paint that would cost time.
    from lab.models.metrics import MORE_IS_BETTER

    better = (difference > 0) is MORE_IS_BETTER.get(metric, True)
    shown = f"{difference:+.3f}" if abs(difference) < 1000 else f"{difference:+.4g}"
    return Span(f"{'▲' if difference > 0 else '▼'} {shown}", Tone.OK if better else Tone.WARN)


def detail(key: str, view: View) -> Detail | None:
    model, _, number = key.rpartition("/")
    if model and not number:
        base = view.service_url("mlflow")
        url = f"{base}/#/models/{model}" if base else ""
        problem = next((one.problem for one in view.snapshot.lab.models if one.name == model), "")
        lines = ((Span(f"✗ can't be trained: {formats.clean(problem)}", Tone.BAD),),) if problem else ()
        return Detail(f"Model · {formats.clean(model)}", lines, copy=model, url=url)
    version = next((v for v in view.snapshot.models.value or () if version_key(v) == key), None)
    if version is None:
        return None
    title = f"Model version · {formats.clean(version.name)} v{formats.clean(version.version)}"
    return Detail(title, copy=f"models:/{version.name}/{version.version}", url=version_url(version, view))
