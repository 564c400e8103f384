"""Frozen snapshots of a lab in the states that a screen must tell apart."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lab.base.alerts import Alert
from lab.base.catalogue import BEING_STARTED, CATALOGUE, NEVER_STARTED
from lab.base.drift_report import DriftReport, FeatureDrift
from lab.base.model_versions import GovernanceTags, ModelVersion
from lab.base.runs import JOB, SCHEDULE, STEPS, Run, RunStatus, ScheduleState, Step
from lab.governance.ledger import AuditView, Entry, Fault, Status, seal
from lab.observe.snapshot import Health, LabInfo, ModelInfo, RunsView, ServiceState, Slice, Snapshot
from tests.support.contracts import CONTRACT

CLOCK = datetime(2026, 11, 23, 14, 30, 5, tzinfo=UTC)
NOW = CLOCK.timestamp()
_JUDGES, _MOVERS = ("risk-officer", "platform-admin"), ("ml-engineer", "platform-admin")
LAB = LabInfo(
    "mlops-lab",
    "staging",
    "ml-engineer",
    "ada.lovelace@example.com",
    "native",
    may={
        "approve staging": _JUDGES,
        "approve prod": _JUDGES,
        "promote staging": _MOVERS,
        "promote prod": _MOVERS,
    },
)
OWNER = LAB.owner
BASELINE = "3fa9c1d27be04a55" * 4
CURRENT = "b81d0c44e2f7196a" * 4
_LATENCY = (0.004, 0.011, 0.021, 0.003, 0.034, 0.061, 0.002, 0.002, 0.003, 0.006, None, None)
_CPU = (0.013, 0.041, 0.124, 0.007, 0.062, 0.018, 0.003, 0.004, 0.011, 0.036, None, None)
_MEMORY = (61, 148, 246, 118, 142, 96, 58, 41, 43, 66, None, None)


def _service(index: int) -> ServiceState:
    spec = CATALOGUE[index]
    if spec.optional:
        why = f"{spec.name} is not installed: put its binary on PATH"
        return ServiceState(spec.name, spec.title, Health.ABSENT, spec.url(0), why, optional=True)
    memory = _MEMORY[index]
    return ServiceState(
        spec.name,
        spec.title,
        Health.UP,
        spec.url(0),
        latency_s=_LATENCY[index],
        uptime_s=8_040 - index * 3,
        restarts=1 if spec.name == "dagster-daemon" else 0,
        memory_bytes=memory * 1024 * 1024 if memory else None,
        pid=4_100 + index,
        cpu=_CPU[index],
        measured_at=NOW - 3,
    )


SERVICES = tuple(_service(index) for index in range(len(CATALOGUE)))


def _id(number: int) -> str:
    return f"{(number * 2654435761) % 2**32:08x}-6c1d-4f0a-9b3e-{number:012x}"


def _steps(start: float, done: int, last: str = "") -> tuple[Step, ...]:
    steps = [Step(name, "SUCCESS", start + i * 1.1, start + i * 1.1 + 0.9) for i, name in enumerate(STEPS[:done])]
    if last:
        end = None if last == "IN_PROGRESS" else start + done * 1.1 + 0.4
        steps.append(Step(STEPS[done], last, start + done * 1.1, end))
    return tuple(steps)


def _run(number: int, ago: float, status: RunStatus, steps: tuple[int, str], trigger: str, took: float | None) -> Run:
    start = NOW - ago
    return Run(
        _id(number),
        JOB,
        status,
        start - 1.2,
        None if status is RunStatus.QUEUED else start,
        None if took is None else start + took,
        OWNER if trigger != "schedule" else "scheduler",
        "ml-engineer" if number != 5 else "analyst",
        "staging" if number != 5 else "prod",
        trigger,
        _steps(start, *steps),
    )


RUNS = (
    _run(12, 0, RunStatus.QUEUED, (0, ""), "ui", None),
    _run(11, 3.4, RunStatus.STARTED, (2, "IN_PROGRESS"), "demo-run", None),
    _run(10, 640, RunStatus.SUCCESS, (4, ""), "demo-run", 5.6),
    _run(9, 4_100, RunStatus.FAILURE, (1, "FAILURE"), "demo-run", 2.1),
    _run(8, 9_800, RunStatus.SUCCESS, (4, ""), "schedule", 6.3),
    _run(5, 15_000, RunStatus.FAILURE, (0, "FAILURE"), "ui", 0.6),
    _run(4, 31_400, RunStatus.SUCCESS, (4, ""), "schedule", 5.9),
    _run(3, 53_000, RunStatus.CANCELED, (1, ""), "ui", 12.0),
    _run(2, 74_600, RunStatus.SUCCESS, (4, ""), "schedule", 6.1),
    _run(1, 96_200, RunStatus.SUCCESS, (4, ""), "demo-run", 7.4),
)
SCHEDULED = ScheduleState(SCHEDULE, "RUNNING", "0 */6 * * *", NOW + 12_595)


def _version(number: int, ago: float, state: str, auc: float, aliases: tuple[str, ...] = ()) -> ModelVersion:
    owner = OWNER if number % 2 else "grace.hopper@example.com"
    blocked = "true" if state in {"pending_staging", "rejected"} else "false"
    stamp = (CLOCK - timedelta(seconds=ago)).isoformat()
    tags = GovernanceTags(
        owner, "staging", "ml-engineer", state, BASELINE, owner, "staging", stamp, blocked, str(number * 10), CURRENT
    ).as_tags()
    metrics = {"auc": auc, "gini": 2 * auc - 1, "ks": 0.41, "accuracy": 0.752}
    return ModelVersion("CreditRiskModel", str(number), NOW - ago, f"{number:032x}", aliases, tags, metrics)


MODELS = (
    replace(_version(7, 640, "pending_staging", 0.7912), tags={"owner": OWNER, "approval_state": "pending_staging"}),
    _version(6, 9_800, "approved_staging", 0.7834, ("challenger",)),
    _version(5, 31_400, "approved_prod", 0.7801, ("champion",)),
    _version(4, 74_600, "rejected", 0.7012),
    _version(3, 96_200, "pending_prod", 0.7798),
    _version(2, 180_000, "archived", 0.7641),
    _version(1, 260_000, "archived", 0.7630),
)


def _trail() -> tuple[Entry, ...]:
    entries: list[Entry] = []
    for run in reversed(RUNS[1:]):
        for step in run.steps:
            blocked = run.environment == "prod"
            end = {"SUCCESS": Status.SUCCESS, "FAILURE": Status.BLOCKED if blocked else Status.FAILURE}.get(step.status)
            for status, at in ((Status.STARTED, step.started_at), (end, step.ended_at)):
                if status is None or at is None or (blocked and status is Status.STARTED):
                    continue
                time = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
                entry = Entry(
                    step.name, status, run.owner, run.role, run.environment, time, run.run_id, details={"rows": 1000}
                )
                entries.append(seal(entry, entries[-1] if entries else None))
    return tuple(reversed(entries))


TRAIL = _trail()
_PSI = (0.021, 0.018, 0.017, 0.013, 0.011, 0.009, 0.008, 0.007, 0.006, 0.006, 0.005, 0.005, 0.004, 0.004, 0.003)
_NAMES = tuple(CONTRACT.columns)


def _report(*high: float) -> DriftReport:
    values = (*high, *_PSI, *(0.001 for _ in _NAMES))[: len(_NAMES)]
    names = (
        "credit_amount",
        "age_in_years",
        "purpose",
        *(n for n in _NAMES if n not in {"credit_amount", "age_in_years", "purpose"}),
    )
    features = tuple(FeatureDrift(name, psi) for name, psi in zip(names, values, strict=True))
    return DriftReport(BASELINE, CURRENT if high else BASELINE, 1_000, features, NOW - 12, "CreditRiskModel")


HEALTHY = Snapshot(
    NOW - 1,
    LAB,
    services=Slice(SERVICES, NOW - 1, "", NOW - 1),
    runs=Slice(RunsView(RUNS, SCHEDULED), NOW - 1, "", NOW - 1),
    models=Slice(MODELS, NOW - 1, "", NOW - 1),
    audit=Slice(AuditView(TRAIL[:40], TRAIL[0].seq, (), (TRAIL[0],)), NOW - 1, "", NOW - 1),
    drift=Slice((_report(),), NOW - 1, "", NOW - 1),
    alerts=Slice((), NOW - 1, "", NOW - 1),
)
ALERTS = (
    Alert(
        "SyntheticDataDriftDetected",
        "firing",
        "warning",
        "The current data drifted from the baseline.",
        NOW - 310,
        {"alertname": "SyntheticDataDriftDetected", "severity": "warning"},
        "1e+00",
        "At least one feature has a population stability index above 0.25.",
        "docs/runbooks.md#datadriftdetected",
    ),
    Alert("ServiceDown", "pending", "critical", "mlflow has not answered for 20 s.", NOW - 20, {"job": "mlflow"}),
)
DRIFTED = replace(
    HEALTHY,
    services=HEALTHY.services.map(
        lambda services: tuple(
            replace(
                s, health=Health.DOWN, reason="no answer within 2 s: connection refused", latency_s=None, uptime_s=None
            )
            if s.name == "mlflow"
            else replace(s, health=Health.DEGRADED, reason="target mlflow is down", latency_s=0.006)
            if s.name == "prometheus"
            else s
            for s in services
        )
    ),
    drift=Slice((_report(0.812, 0.274, 0.133),), NOW - 1, "", NOW - 1),
    alerts=Slice(ALERTS, NOW - 1, "", NOW - 1),
)
REFUSED = "http://127.0.0.1:5000: connection refused"
ONE_FAILED = replace(HEALTHY, models=Slice(None, None, REFUSED, NOW - 1))
STALE = replace(
    DRIFTED,
    models=HEALTHY.models.failed(REFUSED, NOW - 1),
    audit=replace(
        HEALTHY.audit.map(
            lambda a: replace(a, faults=(Fault(31, "entry was modified: its hash doesn't match its content"),))
        ),
        fetched_at=NOW - 190,
        error="the object store didn't answer within 3 s",
    ),
    alerts=Slice((), NOW - 95, "prometheus didn't answer within 2 s", NOW - 1),
)
STALE = replace(STALE, models=replace(STALE.models, fetched_at=NOW - 47))
_DOWN = tuple(
    replace(
        s,
        health=Health.ABSENT if s.optional else Health.DOWN,
        reason=s.reason or "not started",
        latency_s=None,
        uptime_s=None,
        restarts=None,
        memory_bytes=None,
        cpu=None,
        measured_at=None,
        pid=None,
    )
    for s in SERVICES
)
_ERROR = "connection refused"
DOWN = Snapshot(
    NOW - 1,
    LAB,
    services=Slice(_DOWN, NOW - 1, "", NOW - 1),
    runs=Slice(None, None, _ERROR, NOW - 1),
    models=Slice(None, None, _ERROR, NOW - 1),
    audit=Slice(None, None, _ERROR, NOW - 1),
    drift=Slice(None, None, _ERROR, NOW - 1),
    alerts=Slice(None, None, _ERROR, NOW - 1),
)
EMPTY = replace(
    HEALTHY,
    runs=Slice(RunsView((), SCHEDULED), NOW - 1, "", NOW - 1),
    models=Slice((), NOW - 1, "", NOW - 1),
    audit=Slice(AuditView((), 0), NOW - 1, "", NOW - 1),
    drift=Slice((), NOW - 1, "", NOW - 1),
)
WAITING = Snapshot(NOW, LAB)


def _forged() -> AuditView:
    """The trail with an approval that nobody signed as its newest entry."""
    stamp = datetime.fromtimestamp(NOW - 4, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    who = ("eve@example.com", "risk-officer", "staging")
    forged = seal(Entry("approve", Status.APPROVED, *who, stamp, model_version="7"), TRAIL[0])
    return AuditView((forged, *TRAIL), forged.seq, uncounted=(forged.seq,))


# Somebody stopped the database; what needs it fails, and Prometheus misses what it can't ask any more.
_STOPPED = {
    "postgres": {"health": Health.DOWN, "stopped": True, "reason": "stopped by ada.lovelace@example.com at 14:29"},
    "mlflow": {"health": Health.DOWN, "reason": "MLflow answered 503 to GET /api/2.0/mlflow/registered-models/search."},
    "dagster": {"health": Health.DOWN, "reason": "Dagster didn't answer within 2.5 s."},
    "dagster-daemon": {"health": Health.DOWN, "reason": "Dagster daemon didn't answer within 2.5 s."},
    "prometheus": {"health": Health.DEGRADED, "reason": "Targets down: mlflow."},
}
_GONE = {"latency_s": None, "uptime_s": None, "memory_bytes": None, "cpu": None, "measured_at": None, "pid": None}
STOPPED = replace(
    HEALTHY,
    services=HEALTHY.services.map(
        lambda services: tuple(
            replace(s, **_STOPPED[s.name], **(_GONE if s.name == "postgres" else {})) if s.name in _STOPPED else s
            for s in services
        )
    ),
)
FORGED = replace(HEALTHY, audit=HEALTHY.audit.map(lambda _: _forged()))


def _churn(number: int, ago: float, state: str, f1: float, aliases: tuple[str, ...] = ()) -> ModelVersion:
    version = replace(_version(number, ago, state, 0.0, aliases), metrics={"macro_f1": f1, "accuracy": 0.9})
    return replace(version, name="ChurnModel", run_id=f"c{number:031x}")


def _price(number: int, ago: float, state: str, rmse: float, aliases: tuple[str, ...] = ()) -> ModelVersion:
    version = replace(_version(number, ago, state, 0.0, aliases), metrics={"rmse": rmse, "r2": 0.81})
    return replace(version, name="house-prices", run_id=f"d{number:031x}")


_MANY_RUNS = (
    replace(RUNS[1], model="CreditRiskModel"),
    replace(RUNS[2], run_id=_id(30), job="churn_training", model="ChurnModel"),
    replace(RUNS[3], run_id=_id(31), job="house_prices_training", model="house-prices"),
    *RUNS[4:],
)
# Three models of three tasks in one lab; the data of one that isn't the default one drifted.
MANY = replace(
    HEALTHY,
    lab=replace(
        LAB,
        models=(
            ModelInfo("ChurnModel", primary="macro_f1"),
            ModelInfo("CreditRiskModel", default=True, primary="auc"),
            ModelInfo("house-prices", primary="rmse"),
        ),
    ),
    runs=Slice(RunsView(_MANY_RUNS, SCHEDULED), NOW - 1, "", NOW - 1),
    models=Slice(
        (
            _price(3, 300, "pending_staging", 31.2),
            MODELS[0],
            _churn(2, 900, "approved_staging", 0.731, ("staging",)),
            *MODELS[1:4],
            _price(2, 40_000, "approved_prod", 33.9, ("champion",)),
            _churn(1, 50_000, "archived", 0.655),
        ),
        NOW - 1,
        "",
        NOW - 1,
    ),
    drift=Slice(
        (
            replace(_report(), model="ChurnModel", rows=7_043),
            _report(),
            DriftReport(
                BASELINE,
                CURRENT,
                20_640,
                (FeatureDrift("median_income", 0.61), FeatureDrift("house_age", 0.02)),
                NOW - 9,
                "house-prices",
            ),
        ),
        NOW - 1,
        "",
        NOW - 1,
    ),
)
# A person took the lab down while the screen was open: the last data stays.
_TAKEN = {"stopped": True, "reason": "taken down by ada.lovelace@example.com at 14:03", "remedy": "Type `invoke up`."}
TAKEN_DOWN = replace(
    DOWN,
    services=DOWN.services.map(
        lambda states: tuple(s if s.health is Health.ABSENT else replace(s, **_TAKEN) for s in states)  # type: ignore[arg-type]
    ),
    **{
        part: replace(getattr(HEALTHY, part), fetched_at=NOW - 12, error=_ERROR, attempted_at=NOW - 1)
        for part in ("runs", "models", "audit", "drift", "alerts")
    },
)
# Nobody has started the lab yet; and a first `up`, which has brought up two services so far.
NEVER = replace(
    DOWN,
    services=DOWN.services.map(
        lambda states: tuple(s if s.health is Health.ABSENT else replace(s, reason=NEVER_STARTED) for s in states)
    ),
)
_BEGUN = {"postgres", "object-store"}
_AWAITED = {"health": Health.STARTING, "reason": BEING_STARTED, "remedy": "", "awaited": True, "uptime_s": None}


def _starting(state: ServiceState) -> ServiceState:
    if state.health is Health.ABSENT or state.name in _BEGUN:
        return state if state.health is Health.ABSENT else replace(state, awaited=True)
    if state.name == "prometheus":
        return replace(state, **{**_AWAITED, "reason": "Targets down: mlflow, drift-monitor."})
    return replace(state, **_AWAITED)


STARTING = replace(
    HEALTHY,
    services=HEALTHY.services.map(lambda states: tuple(map(_starting, states))),
    **{part: Slice(None, None, "It doesn't listen.", NOW - 1) for part in ("runs", "models", "drift")},
    audit=replace(EMPTY.audit),
    alerts=Slice((Alert("ServiceDown", "firing", "critical", "mlflow is down", NOW - 9, {"service": "mlflow"}),), NOW),
)
ALL = {
    "never": NEVER,
    "starting": STARTING,
    "many": MANY,
    "healthy": HEALTHY,
    "drifted": DRIFTED,
    "failed": ONE_FAILED,
    "stale": STALE,
    "down": DOWN,
    "empty": EMPTY,
    "waiting": WAITING,
    "forged": FORGED,
    "stopped": STOPPED,
    "taken": TAKEN_DOWN,
}
