"""The screen in a real terminal of three sizes says what the services themselves answer."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.base.catalogue import BY_NAME, Service
from lab.base.runs import RunStatus
from lab.observe.snapshot import Health
from lab.services.exposition import samples
from tests.conftest import required
from tests.support.lab import LiveLab
from tests.support.terminal import Terminal, terminal
from tests.support.waiting import eventually

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

SIZES = [(80, 24), (120, 40), (200, 60)]
# What Dagster calls failed was refused by the policy, or broken off, where the audit trail says so.
WORDS = {
    RunStatus.SUCCESS: {"success"},
    RunStatus.FAILURE: {"failed", "blocked", "aborted"},
    RunStatus.CANCELED: {"canceled", "aborted"},
}
RUNS = "{runsOrError(limit: 25) {... on Runs {results {runId status tags {key value}}}}}"


@pytest.fixture(params=SIZES, ids=[f"{columns}x{rows}" for columns, rows in SIZES])
def screen(request: pytest.FixtureRequest, live: LiveLab, tmp_path: Path) -> Iterator[Terminal]:
    """The screen, once everything has been drawn."""
    argv = [sys.executable, "-m", "lab.cli"]
    environ = {**live.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    with terminal(tmp_path, request.param, argv, environ, required("terminal")) as made:
        parts = (r"chain intact", r"no drift", r"\d/\d+ up", r"│ [0-9a-f]{8}\s", r"│ v\d+")
        made.shows("everything", lambda text: all(re.search(part, text) for part in parts))
        yield made


def cell(shown: str) -> str:
    """The beginning that a cut cell still shows."""
    return shown.strip().removesuffix("…")


def test_every_panel_says_what_its_service_answers(screen: Terminal, live: LiveLab) -> None:
    live.healthy()
    live.invoke("demo-run", check=False, RUN_ROLE="analyst", ENVIRONMENT="prod")
    newest = live.entries()[-1].seq
    screen.shows("the newest entry", lambda text: f"chain intact to #{newest}" in text)

    for panel in (services, runs, models, audit):
        agrees(panel, screen, live)
    # Alerts come before features, and a small panel may have room for nothing else.
    screen.press("5", "z")
    agrees(drift, screen, live)


def agrees(panel: Callable[[str, LiveLab], None], screen: Terminal, live: LiveLab) -> None:
    """The screen and the services are asked one after the other, and either may be ahead."""
    eventually(lambda: panel(screen.text(), live) or True, 60, panel.__name__, (AssertionError,))


def services(text: str, live: LiveLab) -> None:
    shown = {
        cell(name): state for name, state in re.findall(r"│ [●◐○▲✗] (\S.*?)\s{2,}(up|absent|down|degraded)\b", text)
    }
    states = live.states()
    expected = [state for state in states.values() if state.health in {Health.UP, Health.ABSENT}]
    assert len(shown) == len(BY_NAME)
    for state in expected:
        title = BY_NAME[Service(state.name)].title
        name = max((name for name in shown if title.startswith(name)), key=len)
        assert shown[name] == state.health.value, title
    up = sum(state.health is Health.UP for state in expected)
    assert f"{up}/{sum(state.health is not Health.ABSENT for state in states.values())} up" in text


def runs(text: str, live: LiveLab) -> None:
    shown = re.findall(r"│ ([0-9a-f]{8})\s+\S (success|failed|canceled|blocked|aborted)\b", text)
    answered = live.graphql(RUNS)["runsOrError"]["results"]
    assert shown
    assert [run_id for run_id, _ in shown] == [run["runId"][:8] for run in answered][: len(shown)]
    for (_, word), run in zip(shown, answered, strict=False):
        assert word in WORDS[RunStatus(run["status"])]


def models(text: str, live: LiveLab) -> None:
    shown = re.findall(r"│ v(\d+)(?: @\S+)*\s+\S (\w+).*?\b(\d\.\d{3})\b", text)
    expected = [
        (one.version, one.tags["approval_state"].split("_")[0], f"{one.metrics['auc']:.3f}") for one in live.versions()
    ]
    assert shown
    assert shown == expected[: len(shown)]


def audit(text: str, live: LiveLab) -> None:
    entries = {entry.seq: entry for entry in live.entries()}
    # What belongs to no run, or is a decision: a run's entries are folded into one row.
    shown = re.findall(r"│\s+(\d+)\s+(?:\d\d:\d\d:\d\d\s+)?([a-z]\S*)\s+\S (\w+)", text)
    assert shown
    numbers = [int(seq) for seq, _, _ in shown]
    assert numbers == sorted(numbers, reverse=True)
    for seq, action, status in shown:
        entry = entries[int(seq)]
        assert entry.action.startswith(cell(action))
        assert entry.status == status


def drift(text: str, live: LiveLab) -> None:
    exposition = live.get(Service.DRIFT_MONITOR, "/metrics").text
    psi = {one.labels["feature"]: one.value for one in samples(exposition) if one.name == "synthetic_data_feature_psi"}
    shown = re.findall(r"│ ● ([a-z_]+…?)\s+(\d\.\d{3})\b", text)
    assert shown, text
    for name, value in shown:
        values = [f"{found:.3f}" for feature, found in psi.items() if feature.startswith(cell(name))]
        assert value in values, name


def test_keys_do_what_the_key_bar_says(screen: Terminal, live: LiveLab) -> None:
    [first, *_] = live.run_ids()
    screen.press("2")
    screen.press("Enter")
    screen.shows("the run", lambda text: f"Run {first[:8]}" in text and "1 Services" not in text)
    screen.press("Escape")
    screen.shows("the panels", lambda text: "1 Services" in text)
    screen.press("/")
    screen.shows("the filter's line", lambda text: "/ regular" in text)
    screen.press("z", "z", "z")
    screen.shows("the filter", lambda text: "0 of" in text)
    screen.press("Escape")
    # A key that came together with Escape would be taken for Alt and that key.
    screen.shows("all rows", lambda text: first[:8] in text and "zzz" not in text)
    screen.press("?")
    screen.shows("help", lambda text: "esc closes" in text)
    screen.press("Escape")
    screen.shows("the panels again", lambda text: "esc closes" not in text)
    screen.press("q")
    eventually(lambda: not screen.text(), 60, "the end")
