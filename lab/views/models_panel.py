"""The models panel: versions and their governance tags."""

from collections.abc import Sequence

from lab.base.model_versions import ModelVersion
from lab.views import formats
from lab.views.cells import Cell, Column, Line, PanelView, Row, Span, Tone, cell
from lab.views.document import Detail
from lab.views.view import View, source_panel

CHAMPION = "champion"
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
    Column("auc", "AUC", 2, 5, right=True),
    Column("change", "Δ champion", 6, 10, right=True),
    Column("blocked", "gate", 4, 4),
    Column("tags", "tags", 3, 4),
    Column("data", "data", 5, 8),
    Column("owner", "owner", 8, 16, 26),
    Column("environment", "env", 9, 7),
    Column("age", "age", 7, 4, right=True),
)
EMPTY = "No model version yet.\nTrain one with `invoke demo-run`."


def panel(view: View) -> PanelView:
    """The newest versions."""
    return source_panel("Models", view.snapshot.models, view, EMPTY, lambda value: _models(value, view))


def _models(versions: Sequence[ModelVersion], view: View) -> PanelView:
    champion = next((v for v in versions if CHAMPION in v.aliases), None)
    flagged = sum(bool(v.missing_tags) for v in versions)
    status: Line = (Span(formats.clean(versions[0].name), Tone.MUTED),) if versions else ()
    if flagged:
        status = (Span(f"▲ {flagged} with missing tags", Tone.WARN),)
    rows = tuple(_version(v, champion, view) for v in versions)
    return PanelView("", status, columns=COLUMNS, rows=rows)


def _version(version: ModelVersion, champion: ModelVersion | None, view: View) -> Row:
    tags = version.tags
    cells = {
        "version": Cell((Span(f"v{formats.clean(version.version)}", Tone.STRONG), *aliases(version))),
        "approval": Cell((approval(tags.get("approval_state", "")),)),
        "blocked": Cell((blocked(tags.get("deployment_blocked", "")),)),
        "auc": cell(figure(auc(version))),
        "change": Cell((change(version, champion),)),
        "data": cell(formats.short(tags.get("data_hash", "")), Tone.MUTED),
        "tags": Cell((missing(version),)),
        "owner": cell(formats.clean(tags.get("owner", "")) or formats.NOTHING, Tone.MUTED),
        "environment": cell(formats.clean(tags.get("environment", "")) or formats.NOTHING, Tone.MUTED),
        "age": cell(formats.age(view.epoch - version.created_at), Tone.MUTED),
    }
    return Row(version_key(version), cells)


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


def blocked(value: str) -> Span:
    """Whether deployment is blocked, as the tag says it."""
    if value.lower() == "true":
        return Span("✗ no", Tone.BAD)
    return Span("✓ ok", Tone.OK) if value.lower() == "false" else Span("?", Tone.WARN)


def missing(version: ModelVersion) -> Span:
    """Whether every governance tag is there."""
    count = len(version.missing_tags)
    return Span(f"▲ {count}", Tone.WARN) if count else Span("✓", Tone.OK)


def auc(version: ModelVersion) -> float | None:
    """The version's AUC, whatever the metric's prefix."""
    return next((v for k, v in version.metrics.items() if k.lower() == "auc" or k.lower().endswith("_auc")), None)


def figure(value: float | None) -> str:
    return formats.NOTHING if value is None else f"{value:.3f}"


def change(version: ModelVersion, champion: ModelVersion | None) -> Span:
    """The AUC's distance from the champion's."""
    ours, theirs = auc(version), auc(champion) if champion else None
    if ours is None or theirs is None:
        return Span(formats.NOTHING, Tone.MUTED)
    if version is champion:
        return Span("champion", Tone.MUTED)
    difference = ours - theirs
    if abs(difference) < 0.0005:
        return Span("= 0.000", Tone.MUTED)
    return Span(f"{'▲' if difference > 0 else '▼'} {difference:+.3f}", Tone.OK if difference > 0 else Tone.WARN)


def detail(key: str, view: View) -> Detail | None:
    version = next((v for v in view.snapshot.models.value or () if version_key(v) == key), None)
    if version is None:
        return None
    title = f"Model version · {formats.clean(version.name)} v{formats.clean(version.version)}"
    return Detail(title, copy=f"models:/{version.name}/{version.version}", url=version_url(version, view))
