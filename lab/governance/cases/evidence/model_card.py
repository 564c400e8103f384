"""The model card of a dossier."""

import html
from collections.abc import Iterator

from lab.base.drift_report import MODERATE, DriftReport
from lab.governance.cases.evidence.dossier import Dossier
from lab.governance.cases.evidence.evidence_page import Block, Grid, Heading, Paragraph, Picture
from lab.governance.ledger import Status
from lab.governance.rules.policy import METRICS
from lab.governance.rules.registry_tags import blocked_reason
from lab.models.contract import Contract
from lab.models.groups import MEASURES, caution

DRIFT_PLOT = "drift.svg"
_TITLES = {
    "roc.png": "ROC curve",
    "confusion_matrix.png": "Confusion matrix",
    "predicted_vs_actual.png": "Predicted against actual",
    "residuals.png": "Residuals",
    DRIFT_PLOT: "Drift by feature",
}
_BAR, _WIDTH, _NAMES = 16, 800, 380


def card(dossier: Dossier) -> Iterator[Block]:
    """Top to bottom; the pictures are those of the dossier."""
    record = dossier.record
    yield Heading(f"{record.model}, version {record.version}", 1)
    yield Paragraph(f"Model card of the lab {dossier.lab}, made on {dossier.made_at} with the command invoke evidence.")
    for problem in dossier.problems:
        yield Paragraph(f"This evidence can't be relied on: {problem}.", warning=True)
    yield _summary(dossier)
    yield from _use(dossier.data.contract)
    yield from _groups(dossier)
    yield from _quality(dossier)
    yield from _data(dossier)
    yield from _governance(dossier)
    yield from _origin(dossier)


def _summary(dossier: Dossier) -> Grid:
    record = dossier.record
    rows = [
        ("state", record.state.value),
        ("aliases", ", ".join(dossier.aliases) or "none"),
        ("deployment blocked", blocked_reason(record) or "no"),
        ("owner", f"{record.owner}, as {record.registered.role} in {record.registered.environment}"),
        ("registered", record.registered.time),
        ("audit entries", f"{dossier.excerpt.first} to {dossier.excerpt.last}, of {dossier.verification.checked}"),
    ]
    return Grid([("", "by the audit trail"), *rows])


def _use(contract: Contract) -> Iterator[Block]:
    yield Heading("Use and limits")
    yield Paragraph(f"{contract.purpose} {contract.owner} answers for it.")
    yield from map(Paragraph, contract.limits)
    if used := [name for name in contract.protected if name in contract.features]:
        reasons = "; ".join(f"{name}: {contract.columns[name].exempt}" for name in used)
        yield Paragraph(
            f"Its inputs include what people must not be judged by: {', '.join(used)}. "
            f"Using these is restricted or forbidden in many places. The contract says why: {reasons}."
        )
    if kept := [name for name in contract.protected if name not in contract.features]:
        yield Paragraph(f"It isn't given what people must not be judged by: {', '.join(kept)}.")


def _groups(dossier: Dossier) -> Iterator[Block]:
    contract, found = dossier.data.contract, dossier.record.measured
    if not contract.protected:
        return
    yield Heading("Groups of people")
    if found is None:
        yield from _unaudited_groups(dossier)
        return
    if found.measure not in MEASURES:
        yield Paragraph("Its contract says that groups aren't compared.")
        return
    yield Paragraph(
        f"Compared by {found.measure} ({MEASURES[found.measure].meaning}) on held-out rows that training did not see. "
        f"The values, with 95 % intervals, are those that the training step audited; groups of fewer than "
        f"{found.least} rows that the rate counts aren't judged."
    )
    for one in found.columns:
        yield Paragraph(one.says)
        rows = [(g.name, str(g.counted), f"{g.value:.3g}", f"{g.low:.3g} to {g.high:.3g}") for g in one.compared()]
        if rows:
            yield Grid([(one.column, "rows", one.rate.replace("_", " "), "interval"), *rows])
    yield Paragraph(caution(contract.protected))


def _unaudited_groups(dossier: Dossier) -> Iterator[Block]:
    """Of a version of the time before groups were audited."""
    if not dossier.fairness:
        yield Paragraph("How groups of people compare was not measured.")
        return
    yield Paragraph("Measured on held-out rows; as MLflow has it, and not audited.")
    yield from map(Paragraph, dossier.fairness)


def _quality(dossier: Dossier) -> Iterator[Block]:
    yield Heading("Quality")
    yield Paragraph("On held-out rows that training did not see. The values are those that the training step audited.")
    found = dossier.found.metrics if dossier.found else {}
    rows = [
        (name, dossier.record.metrics[name], str(found.get(name, "–")), "higher" if more else "lower")
        for name, more in METRICS.items()
        if name in dossier.record.metrics
    ]
    yield Grid([("metric", "audited", "in MLflow", "better is"), *rows])
    yield from (Picture(f"plots/{name}", _TITLES.get(name, name), body) for name, body in dossier.plots.items())


def _data(dossier: Dossier) -> Iterator[Block]:
    data = dossier.data
    yield Heading("Training data")
    rows = [("SHA-256, audited", data.audited), ("SHA-256 of what is stored", data.stored or "not in the store")]
    if data.profile:
        rows.append(("rows", str(data.profile.rows)))
    contract = data.contract
    rows += [("numeric features", ", ".join(contract.numeric) or "none")]
    rows += [("categorical features", ", ".join(contract.categorical) or "none")]
    rows += [(f"{kind} features", ", ".join(names)) for kind, names in _other_kinds(contract) if names]
    yield Grid(
        [("data set", ""), *rows, ("target", contract.target), ("drift, audited", dossier.record.drift or "unknown")]
    )
    if data.drift is None:
        yield Paragraph("There is no baseline to compare it with.")
        return
    yield Paragraph(
        f"Population stability index against the baseline {data.drift.baseline_hash[:12]}: "
        f"up to {MODERATE} stable, above {data.drift.limit:g} drifted, and stable where chance explains it."
    )
    worst = [(one.name, f"{one.psi:.4f}", one.state) for one in data.drift.features[:8]]
    yield Grid([("feature", "PSI", "state"), *worst])
    yield Picture(f"plots/{DRIFT_PLOT}", _TITLES[DRIFT_PLOT], drift_plot(data.drift))


def _other_kinds(contract: Contract) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "date", contract.dates
    yield "text", contract.texts


def _governance(dossier: Dossier) -> Iterator[Block]:
    yield Heading("Approvals")
    if not dossier.decisions:
        yield Paragraph("Nobody has decided on this version.")
        return
    rows = [
        (
            str(entry.seq),
            entry.time,
            f"{entry.status} for {entry.environment}" if entry.status is Status.APPROVED else str(entry.status),
            f"{entry.owner}, {entry.role}",
            str(entry.details.get("reason", "")),
            str(entry.details.get("key", "")) or "not signed",
        )
        for entry in (decision.entry for decision in dossier.decisions)
    ]
    yield Grid([("entry", "time", "decision", "by", "reason", "signing key"), *rows])


def _origin(dossier: Dossier) -> Iterator[Block]:
    request = dossier.record.registered
    yield Heading("Origin")
    rows = [
        ("pipeline run", request.run_id),
        ("MLflow run", dossier.record.mlflow_run_id),
        ("digest of the model's files", dossier.record.model_digest or "not audited"),
        ("code", request.code_version or "unknown"),
        ("policy in force", request.policy_hash),
        *((f"parameter {name}", value) for name, value in sorted(dossier.params.items())),
    ]
    yield Grid([("what", "which"), *rows])


def drift_plot(report: DriftReport) -> bytes:
    """A bar for each feature, with lines where it is worth a look and where it has drifted; SVG."""
    features = report.features
    scale = (_WIDTH - _NAMES - 60) / max(report.limit * 1.2, max((one.psi for one in features), default=0.0))
    colours = {"stable": "#2da44e", "moderate": "#bf8700", "drifted": "#cf222e"}
    height = _BAR * (len(features) + 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" font-family="sans-serif" '
        'font-size="11"><rect width="100%" height="100%" fill="#ffffff"/>'
    ]
    for place, one in enumerate(features):
        top, width = _BAR * place + 2, max(1.0, one.psi * scale)
        name = html.escape(one.name)
        parts.append(f'<text x="{_NAMES - 6}" y="{top + 10}" text-anchor="end">{name}</text>')
        parts.append(
            f'<rect x="{_NAMES}" y="{top}" width="{width:.1f}" height="{_BAR - 4}" fill="{colours[one.state]}"/>'
        )
        parts.append(f'<text x="{_NAMES + width + 4:.1f}" y="{top + 10}">{one.psi:.3f}</text>')
    for limit, meaning in ((MODERATE, "worth a look"), (report.limit, "drifted")):
        x = _NAMES + limit * scale
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}" stroke="#57606a" stroke-dasharray="3 3"/>')
        parts.append(f'<text x="{x - 4:.1f}" y="{height - 4}" text-anchor="end">{meaning}</text>')
    return ("\n".join(parts) + "\n</svg>\n").encode()
