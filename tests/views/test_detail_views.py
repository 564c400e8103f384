"""What drill-downs say, as pure functions of what was fetched."""

from dataclasses import replace

import pytest

from lab.base.drift import Feature, Histogram, psi_parts
from lab.base.runs import INGEST, TRAIN, Run, RunStatus
from lab.observe.details.run_source import RunEntries
from lab.observe.snapshot import Health, Slice
from lab.services.dagster_answers import RunEvent
from lab.views import View
from lab.views.cells import Line, PanelState, PanelView, Tone, width_of
from lab.views.details import alert_views, drift_views, group_views, run_views, service_views, version_views
from lab.views.document import page
from lab.views.feed import Feed
from lab.views.probe_history import Probe
from tests.screen import detail_sources, snapshots

VIEW = View(snapshots.DRIFTED, snapshots.CLOCK)


def text(line: Line) -> str:
    return "".join(span.text for span in line)


@pytest.mark.parametrize(
    ("part", "state"),
    [
        (Slice(), PanelState.WAITING),
        (Slice(None, None, "no [red]", 1.0), PanelState.FAILED),
        (Slice((1,), snapshots.NOW - 65, "gone", snapshots.NOW), PanelState.STALE),
        (Slice((), snapshots.NOW), PanelState.EMPTY),
        (Slice((1,), snapshots.NOW), PanelState.OK),
    ],
    ids=lambda value: str(value) if isinstance(value, PanelState) else "",
)
def test_the_states_of_a_view_differ(part: Slice[tuple[int, ...]], state: PanelState) -> None:
    def fill(value: tuple[int, ...]) -> PanelView:
        return PanelView("", lines=tuple(() for _ in value))

    shown = page("Title", part, VIEW, "Nothing.\nType `x`.", fill)
    assert (shown.title, shown.state) == ("Title", state)
    said = " ".join(map(text, (*shown.message, shown.status)))
    words = {PanelState.WAITING: "waiting", PanelState.FAILED: "no [red]", PanelState.STALE: "stale 1m · gone"}
    assert words.get(state, "Nothing." if state is PanelState.EMPTY else "") in said


@pytest.mark.parametrize("width", [40, 76, 116, 196])
def test_histograms_fit_their_window(width: int) -> None:
    shown, begins = drift_views.histograms(detail_sources.DRIFT, width)
    if width >= 76:
        assert all(width_of(line) <= width for line in shown.lines)
    assert [text(shown.lines[begin])[2:].split()[0] for begin in begins.values()] == list(begins)


def test_a_bin_that_nobody_is_in_is_left_out_and_the_widest_is_full() -> None:
    counts, now = (10, 0, 30), (0, 0, 40)
    one = Histogram(Feature("f", counts, edges=(1.0, 1_000_000.5)), now, psi_parts(counts, now))
    lines = [text(line) for line in drift_views.histogram(one, 10)]
    assert len(lines) == 5
    assert "≤ 1 " in lines[2]
    assert "> 1e+06" in lines[3] or "> 1,000,000" in lines[3]
    assert "━" * 10 in lines[3]


def test_only_part_of_the_data_counted_is_said() -> None:
    assert "▲ the first 10 rows" in text(drift_views.status(replace(detail_sources.DRIFT, rows=10, whole=False)))


def test_a_metric_that_should_be_low_is_better_when_lower() -> None:
    ours = replace(detail_sources.VERSION, metrics={"auc": 0.8, "log_loss": 0.6, "own": 1.0})
    theirs = replace(detail_sources.CHAMPION, metrics={"auc": 0.7, "log_loss": 0.5, "own": 2.0})
    rows = {row.key: row.cells["change"].spans[0] for row in version_views.metrics(ours, theirs, "auc").rows}
    assert (rows["auc"].text, rows["auc"].tone) == ("▲ +0.1000", Tone.OK)
    assert (rows["log_loss"].text, rows["log_loss"].tone) == ("▲ +0.1000", Tone.WARN)
    assert rows["own"].tone is Tone.PLAIN
    assert "is the champion" in text(version_views.metrics(theirs, theirs, "auc").status)
    assert "no champion yet" in text(version_views.metrics(ours, None, "auc").status)


def test_a_bar_is_drawn_of_what_has_a_most() -> None:
    metrics = {"auc": 0.8, "accuracy_low": 0.7, "rmse": 0.4, "rmse_high": 0.5, "mae_difference_age": 0.1, "own": 1.5}
    version = replace(detail_sources.VERSION, metrics={**metrics, "gini": -0.2})
    rows = version_views.metrics(version, None, "auc").rows
    assert {row.key for row in rows if row.cells["bar"].fill is not None} == {"auc", "accuracy_low", "gini"}


def test_what_an_entry_says_is_there_in_full_but_for_hashes_and_structures() -> None:
    entry = replace(
        snapshots.TRAIL[0],
        details={
            "rule": "run-dev: analyst, ml-engineer, platform-admin",
            "hash": "0123456789abcdef" * 4,
            "groups": {"age": ["19 to 41", "42 to 51"], "sex": ["1", "2"]},
        },
    )
    said = run_views.entries(RunEntries((entry,), 1, 2), View(snapshots.HEALTHY, snapshots.CLOCK)).rows[0]
    assert said.cells["details"].text == (
        "rule run-dev: analyst, ml-engineer, platform-admin, hash 0123456789ab…, groups {'age': ['19…"
    )


def test_a_decision_without_proof_is_neither_approved_nor_signed() -> None:
    approved = detail_sources.DECISIONS.entries[-1]
    audit = snapshots.DRIFTED.audit.map(lambda a: replace(a, uncounted=(approved.seq,)))
    shown = version_views.decisions(
        detail_sources.DECISIONS, View(replace(snapshots.DRIFTED, audit=audit), snapshots.CLOCK)
    )
    row = next(row for row in shown.rows if row.key == str(approved.seq))
    assert (row.cells["status"].text, row.cells["signed"].text) == ("∅ approved", "no")
    assert "✓ approved" in version_views.decisions(detail_sources.DECISIONS, VIEW).rows[-1].text


def test_a_refusal_names_the_gates_that_were_closed() -> None:
    refused = replace(
        detail_sources.DECISIONS.entries[1], details={"reason": "try", "gates": {"drift": "x", "four eyes": "y"}}
    )
    shown = version_views.decisions(replace(detail_sources.DECISIONS, entries=(refused,)), VIEW)
    assert shown.rows[0].cells["reason"].text == "try (closed: drift, four eyes)"


def test_steps_of_a_run_that_began_none() -> None:
    waiting = Run("r", "job", RunStatus.QUEUED)
    assert "No step began yet." in text(run_views.steps(waiting, VIEW).message[0])
    assert "No step began." in text(run_views.steps(replace(waiting, status=RunStatus.CANCELED), VIEW).message[0])


def test_a_step_that_goes_on_grows_with_time() -> None:
    shown = run_views.steps(detail_sources.RUNNING, VIEW)
    going = next(row for row in shown.rows if row.cells["state"].text == "in progress")
    assert going.cells["took"].text == "1.2s"
    assert 0 < (going.cells["bar"].fill or 0) <= 1


def test_probes_show_their_latencies_and_those_that_failed() -> None:
    known = [Probe(1.0, Health.UP, 0.1), Probe(2.0, Health.DOWN, None, "refused"), Probe(3.0, Health.UP, 0.3)]
    shown = service_views.probes(known, VIEW)
    assert "×" in text(shown.lines[0])
    assert text(shown.lines[1]) == "least 100ms · median 300ms · most 300ms"
    assert text(shown.status) == "▲ 1 of 3 not up"
    assert [row.cells["reason"].text for row in shown.rows] == ["", "refused", ""]
    assert service_views.probes([], VIEW).state is PanelState.WAITING


@pytest.mark.parametrize(("raw", "said"), [("1e+00", "1"), ("0.25", "0.25"), ("NaN", "nan"), ("x", "x"), ("", "")])
def test_values_of_alerts_read_as_numbers(raw: str, said: str) -> None:
    assert alert_views.value(raw) == said


def test_markdown_keeps_its_words_and_loses_its_marks() -> None:
    lines = [text(line) for line in alert_views.runbook(detail_sources.RUNBOOK).lines]
    assert lines[0] == "Meaning. A feature of the current data has a PSI above 0.25: the population has shifted."
    assert "  invoke seed --reset    # takes a planted drift back" in lines
    assert lines[-1] == "- trains on the data as it is now"
    assert text(alert_views.inline("a “quoted” `code` and **bold** é")) == "a “quoted” code and bold é"


def test_an_alert_is_silenced_only_by_an_active_silence_about_it() -> None:
    alert = snapshots.ALERTS[0]
    active, expired = detail_sources.SILENCES
    assert alert_views.is_silenced(alert, (active,))
    assert not alert_views.is_silenced(alert, (replace(active, state="expired"), expired))
    assert not alert_views.is_silenced(alert, (replace(active, matchers=('alertname="Other"',)),))
    assert not alert_views.is_silenced(None, (active,))


def test_groups_stand_side_by_side_with_what_they_are_made_of() -> None:
    found = detail_sources.GROUPS
    shown = group_views.groups(found)
    first = shown.rows[0].cells
    assert [first[name].text for name in ("column", "group", "value", "interval", "counted", "rows")] == [
        "age_in_years",
        "19 to 26",
        "0.2",
        "0.105 … 0.3478",
        "40",
        "61",
    ]
    assert first["apart"].text == "▲ ≥ 0.0149"
    assert "2 too small" in text(shown.status)
    [said] = group_views.group_lines(found, shown.rows[0].key)
    assert "more than chance explains: at least 0.0149 between '19 to 26' and '27 to 33 [x]'" in text(said)
    assert "no measure shows" in text(said)
    assert group_views.group_lines(found, "gone/x") == ()
    closer = replace(found.columns[0], groups=found.columns[0].groups[1:])
    alike = group_views.groups(replace(found, columns=(closer,)))
    assert alike.rows[0].cells["apart"].text == "▲ 0.0181, within chance"
    few = replace(found, columns=(replace(found.columns[0], groups=()),))
    assert "No group has 30 held-out rows of the negative label" in text(group_views.groups(few).message[0])


FAILED = RunEvent(
    "STEP_FAILURE", TRAIN, snapshots.NOW, "ERROR", "it broke", error="ValueError: no well is deep enough\n  of 3"
)
EVENTS = (RunEvent("STEP_START", INGEST, snapshots.NOW, "INFO", "began"), FAILED)


def test_above_its_steps_stands_why_a_run_failed() -> None:
    failed = replace(detail_sources.RUNNING, status=RunStatus.FAILURE)
    assert run_views.steps(failed, VIEW).lines == ()
    shown = run_views.steps(failed, VIEW, EVENTS)
    assert [text(line) for line in shown.lines] == [f"{TRAIN}: ValueError: no well is deep enough", "  of 3"]
    assert run_views.steps(detail_sources.RUNNING, VIEW, EVENTS).lines == ()
    long = replace(FAILED, error="\n\n".join(f"fault {number}" for number in range(9)))
    lines = [text(line) for line in run_views.steps(failed, VIEW, [long]).lines]
    assert (len(lines), lines[-1]) == (5, "… ⏎ on the step shows the other 5 lines")


@pytest.mark.parametrize(
    ("pattern", "lines"),
    [
        (TRAIN, ["it broke", "no well", "of 3"]),
        (f"!{TRAIN}", ["began"]),
        ("no well", ["no well"]),
        ("!no well", ["began", "it broke", "of 3"]),
    ],
)
def test_a_filter_keeps_the_reason_with_its_event(pattern: str, lines: list[str]) -> None:
    feed = Feed()
    feed.search(pattern)
    change = feed.add(line for event in EVENTS for line in run_views.event_lines(event, VIEW))
    shown = [text(line) for line in feed.shown]
    assert list(change.added) == feed.shown
    assert len(shown) == len(lines)
    assert all(wanted in said for wanted, said in zip(lines, shown, strict=True))


def test_a_reason_is_found_under_a_message_of_any_length() -> None:
    feed = Feed()
    feed.search("no well")
    feed.add(run_views.event_lines(replace(FAILED, message="it broke " * 90), VIEW))
    assert [text(line).strip() for line in feed.shown] == ["ValueError: no well is deep enough"]


def test_a_reason_outlives_its_event_in_a_full_feed() -> None:
    feed = Feed(kept=1)
    feed.search(TRAIN)
    feed.add(run_views.event_lines(FAILED, VIEW))
    assert [text(line).strip() for line in feed.shown] == ["of 3"]
