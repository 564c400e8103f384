"""DetailSources that give, refuse or withhold what a drill-down asks for, and what a healthy lab would give."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lab.base.dataset import DatasetRef
from lab.base.drift import Feature, Histogram, psi_parts
from lab.base.log_lines import Level
from lab.base.monitoring import KnownSilence
from lab.base.runs import RunDetail
from lab.governance.cases.approve import Outcome
from lab.governance.cases.gates import Gate
from lab.governance.ledger import Entry, Status, seal
from lab.models.evaluation_file import EvaluationFile, RocCurve
from lab.models.groups import Comparison as Compared
from lab.models.groups import Group, Measured
from lab.models.metrics import Task
from lab.observe.comparison import Comparison, compared
from lab.observe.details.alert_source import Runbook
from lab.observe.details.drift_source import DriftDetail
from lab.observe.details.entry_source import EntryDetail, Neighbour, Proof
from lab.observe.details.log_source import LogBatch, LogLine
from lab.observe.details.run_source import Events, RunEntries
from lab.observe.details.version_source import Decisions, VersionDetail
from lab.services.dagster_answers import CheckResult, RunEvent
from lab.services.mlflow_answers import LoggedFile, LoggedRun
from tests.screen import snapshots

RUN = snapshots.RUNS[2]
RUNNING = snapshots.RUNS[1]
FAILED = snapshots.RUNS[3]


class Answer:
    """Gives the answers in turn; after the last one it says nothing more, ever."""

    def __init__(self, *given: object) -> None:
        self.given = list(given)

    async def next(self) -> object:
        if not self.given:
            await asyncio.Event().wait()
        return self.given.pop(0)


class DetailSource:
    """Answers by method: a value, an exception, a function of what was asked, or an `Answer`."""

    def __init__(self, **answers: object) -> None:
        self._answers = answers
        self.asked: list[tuple[str, tuple[object, ...]]] = []
        self.closed = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        answer = self._answers[name]

        async def ask(*given: object) -> object:
            self.asked.append((name, given))
            found = (
                await answer.next() if isinstance(answer, Answer) else answer(*given) if callable(answer) else answer
            )
            if isinstance(found, Exception):
                raise found
            return found

        return ask

    async def aclose(self) -> None:
        self.closed.set()


class DetailSources:
    """What the app calls to open a source, by the kind of thing."""

    def __init__(self, **detail_sources: DetailSource | Exception) -> None:
        self.detail_sources = detail_sources
        self.opened: list[str] = []

    def __call__(self, kind: str) -> DetailSource:
        self.opened.append(kind)
        found = self.detail_sources[kind]
        if isinstance(found, Exception):
            raise found
        return found


def _event(ago: float, kind: str, step: str, message: str, **more: Any) -> RunEvent:
    level = "ERROR" if "FAILURE" in kind else "DEBUG"
    return RunEvent(kind, step, snapshots.NOW - ago, level, message, **more)


EVENTS = (
    _event(640.0, "RUN_START", "", "Started execution of run for ml_training_pipeline."),
    _event(639.5, "STEP_START", "ingest_data", "Started execution of step ingest_data."),
    _event(638.6, "STEP_SUCCESS", "ingest_data", "Finished execution of step ingest_data in 904ms."),
    _event(
        637.2,
        "ASSET_CHECK_EVALUATION",
        "validate_data",
        "Asset check [red]has_valid_values[/] passed.",
        check=CheckResult("has_valid_values", "data/validated", True, "ERROR", "Kept: every cell has a value."),
    ),
    _event(
        636.0,
        "STEP_FAILURE",
        "train_model",
        "Execution of step train_model failed.",
        error="ServiceUnavailable: MLflow didn't answer\n  within 20 s",
    ),
    _event(634.4, "RUN_FAILURE", "", "Steps failed: train_model."),
)
CONFIG = "ops:\n  ingest_data:\n    config:\n      data_path: /data/credit.csv\nresources:\n  governance: {}\n"
RUN_TAGS = {
    "lab/owner": RUN.owner,
    "lab/role": RUN.role,
    "lab/trigger": "demo-run",
    "dagster/code_location": "pipelines",
}


def run_detail(run: Any = RUN) -> RunDetail:
    """A run as Dagster gives it in full."""
    return RunDetail(run, CONFIG, RUN_TAGS)


def trail_of(run_id: str) -> tuple[Entry, ...]:
    """The run's entries of the snapshots' trail, oldest first."""
    return tuple(entry for entry in reversed(snapshots.TRAIL) if entry.run_id == run_id)


def runs_details(run: Any = RUN) -> DetailSource:
    """A source that knows one run."""
    return DetailSource(
        run=run_detail(run),
        events=Events(EVENTS, 0, True),
        entries=RunEntries(trail_of(run.run_id), 30, 42),
    )


LOG = (
    LogLine("mlflow", "2026-11-23 14:29:58 INFO mlflow.server: started", Level.INFO),
    LogLine("mlflow", "2026-11-23 14:29:59 WARNING mlflow.store: slow [query] of 2.1 s", Level.WARNING),
    LogLine("mlflow", "2026-11-23 14:30:01 ERROR mlflow.server: Traceback (most recent call last):", Level.ERROR),
    LogLine("mlflow", '  File "/srv/mlflow/server.py", line 12, in answer', Level.ERROR),
    LogLine("mlflow", "    raise ConnectionError(\x07reset)", Level.ERROR),
    LogLine("mlflow", "2026-11-23 14:30:02 DEBUG mlflow.server: answered GET /health", Level.DEBUG),
)
MERGED = (LogLine("postgres", "2026-11-23 14:29:57 UTC LOG:  ready", Level.INFO), *LOG)


class LogsSource(DetailSource):
    """Gives the lines of before once for each source, then those that a test puts into `news`."""

    def __init__(self, **before: tuple[LogLine, ...]) -> None:
        super().__init__()
        self.before: Mapping[str, tuple[LogLine, ...]] = before or {"mlflow": LOG, "": MERGED}
        self.news: asyncio.Queue[tuple[LogLine, ...]] = asyncio.Queue()
        self.patience_s = 3600.0
        self._source: str | None = None
        self._number = self._reading = 0

    async def more(self, source: str) -> LogBatch:
        self.asked.append(("more", (source,)))
        if source != self._source:
            self._source, self._number, self._reading = source, 0, self._reading + 1
            return LogBatch(source, 0, self.before.get(source, ()), 0, self._reading)
        self._number += 1
        try:
            async with asyncio.timeout(self.patience_s):
                lines = await self.news.get()
        except TimeoutError:
            lines = ()
        return LogBatch(source, self._number, lines, 0, self._reading)


VERSION = snapshots.MODELS[1]
CHAMPION = snapshots.MODELS[2]
FILES = (
    LoggedFile("plots/roc.png", 27_191),
    LoggedFile("plots/confusion_matrix.png", 11_744),
    LoggedFile("m.json", 90),
)
LOGGED = LoggedRun("1", {"algorithm": "LogisticRegression", "C": "1.0", "seed": "20240601"}, FILES)
GATES = (
    Gate("state", True, "approved_staging → pending_prod, alias staging"),
    Gate("identity", True, "SHA256:abc is grace.hopper@example.com: risk-officer"),
    Gate("drift", False, "training data: audited drifted, tagged [drifted], against baseline 3fa9c1d27be0"),
    Gate("ledger", True, "48 entries, head 9f2c11d0a1b2, 7 published heads: intact"),
)


def _decided(seq: int, status: Status, owner: str, **details: str) -> Entry:
    made = Entry("approve", status, owner, "risk-officer", "staging", "2026-11-23T13:10:00.000000Z", model_version="6",
                 details=details)  # fmt: skip
    return replace(seal(made, None), seq=seq)


DECISIONS = Decisions(
    (
        replace(_decided(60, Status.REQUESTED, snapshots.OWNER), action="register_model", role="ml-engineer"),
        _decided(64, Status.REFUSED, snapshots.OWNER, reason="looks good to me"),
        _decided(
            66, Status.APPROVED, "grace.hopper@example.com", reason="metrics hold", signer="grace.hopper@example.com"
        ),
    ),
    ((60, 90),),
)


ROC = RocCurve("bad", 0.7834, ((0.0, 0.0), (0.05, 0.3), (0.2, 0.6), (0.5, 0.85), (1.0, 1.0)))
EVALUATED = EvaluationFile(Task.BINARY, 250, ("good", "bad"), ((148, 27), (37, 38)), (ROC,))
_KINDS = ("a", "b", "c")
MULTICLASS = EvaluationFile(
    Task.MULTICLASS, 90, _KINDS, ((30, 0, 0), (4, 20, 6), (0, 9, 21)), tuple(replace(ROC, label=one) for one in _KINDS)
)
REGRESSION = EvaluationFile(Task.REGRESSION, 900, pairs=tuple((float(n), n * 0.9 + (n * 7) % 13) for n in range(90)))


_AGES = (
    Group("19 to 26", 61, 40, 0.2, 0.105, 0.3478),
    Group("27 to 33 [x]", 62, 45, 0.0444, 0.0123, 0.1482),
    Group("34 to 42", 63, 48, 0.0625, 0.0215, 0.1684),
)
_WORKERS = (Group("yes", 240, 168, 0.09, 0.056, 0.143),)
GROUPS = Measured(
    "false_positive_rate_difference",
    30,
    (
        Compared("age_in_years", "fpr_difference_age", "false_positive_rate", 30, _AGES, 0.1, 1),
        Compared("foreign_worker", "fpr_difference_worker", "false_positive_rate", 30, _WORKERS, 0.1, 1),
    ),
)


def compared_versions(key: str, other: str) -> Comparison:
    """Two of the snapshots' versions, each called `MODEL/N`."""
    listed = {f"{one.name}/{one.version}": one for one in (*snapshots.MODELS, *(snapshots.MANY.models.value or ()))}
    return compared(listed[key], listed[other], {"C": "1.0", "seed": "1"}, {"C": "0.5", "seed": "1"})


def versions_details(version: Any = VERSION) -> DetailSource:
    """A source that knows one version."""
    return DetailSource(
        evaluation=EVALUATED,
        evaluation_of=lambda _: EVALUATED,
        compared=compared_versions,
        trained_on=tuple(snapshots.MODELS),
        version=VersionDetail(version, LOGGED, CHAMPION),
        gates=Outcome("promote", version.version, False, GATES, True, "approved_staging", "pending_prod"),
        decisions=DECISIONS,
        groups=GROUPS,
    )


def entry_detail(seq: int, broken: bool = False) -> EntryDetail:
    """An entry of the snapshots' trail as it would lie in the store. NotFound is for a test to raise."""
    entries = {entry.seq: entry for entry in snapshots.TRAIL}
    entry = entries[seq]
    proofs = (
        Proof(
            "content",
            not broken,
            "was modified: its content gives 00ff00ff00ff…" if broken else "the recomputed SHA-256",
        ),
        Proof("link back", True, f"names the hash of entry {seq - 1}"),
        Proof(
            "link on", True if seq + 1 in entries else None, f"entry {seq + 1}" if seq + 1 in entries else "the newest"
        ),
        Proof("signature", None, "not signed"),
    )
    return EntryDetail(
        seq,
        f"audit/{seq:012d}.json",
        entry.body(),
        entry,
        Neighbour(seq - 1, entries.get(seq - 1)),
        Neighbour(seq + 1, entries.get(seq + 1)),
        proofs,
        snapshots.TRAIL[0].seq,
    )


def _histogram(name: str, counts: tuple[int, ...], current: tuple[int, ...], **shape: Any) -> Histogram:
    return Histogram(Feature(name, counts, **shape), current, psi_parts(counts, current))


DRIFT = DriftDetail(
    DatasetRef(snapshots.CURRENT, 1_000, "planted drift", planted=True),
    DatasetRef(snapshots.BASELINE, 1_000, "data/sample_data.csv"),
    1_000,
    (
        _histogram("credit_amount", (250, 250, 250, 250), (20, 90, 240, 650), edges=(1_364.0, 2_320.0, 3_972.5)),
        _histogram(
            "purpose", (300, 500, 200, 0), (250, 380, 350, 20), labels=("car", "radio [tv]", "repairs", "(other)")
        ),
        _histogram("age_in_years", (500, 500), (495, 505), edges=(33.0,)),
    ),
    1_000,
    True,
)
RUNBOOK = Runbook(
    "docs/runbooks.md",
    "DataDriftDetected",
    (
        "**Meaning.** A feature of the current data has a [PSI](x) above `0.25`: the",
        "population has shifted.",
        "**What to type.** See which features drifted:",
        "```",
        "invoke seed --reset    # takes a planted drift back",
        "```",
        "- trains on the data as it is now",
    ),
)
SILENCES = (
    KnownSilence(
        "a1",
        "active",
        snapshots.NOW - 600,
        snapshots.NOW + 6_600,
        "ada.lovelace@example.com",
        "known [planted] drift, see the demo",
        ('alertname="SyntheticDataDriftDetected"',),
    ),
    KnownSilence("b2", "expired", snapshots.NOW - 9_000, snapshots.NOW - 1_800, "grace", "upgrade", ('job="mlflow"',)),
)


def all_sources() -> DetailSources:
    """DetailSources of a healthy lab."""
    return DetailSources(
        services=LogsSource(),
        runs=runs_details(),
        models=versions_details(),
        audit=DetailSource(entry=entry_detail),
        drift=DetailSource(drift=DRIFT),
        alerts=DetailSource(runbook=RUNBOOK, silences=SILENCES),
    )
