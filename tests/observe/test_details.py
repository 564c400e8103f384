"""What drill-downs are given: runs, entries, versions, drift, alerts; over a trail in memory and captured answers."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from lab.base.catalogue import ProcessFact, Service
from lab.base.dataset import DatasetRef, read_rows
from lab.base.drift import compare
from lab.base.errors import DatasetInvalid, LabError, NotFound, ServiceUnavailable
from lab.base.model_versions import ApprovalState, ModelVersion
from lab.base.runs import Run, RunStatus
from lab.config import LabConfig
from lab.governance.cases.signing import read_signers
from lab.governance.ledger import Entry, EntryStore, Status, key_of, seal
from lab.governance.rules.approval_states import MOVES
from lab.governance.rules.policy import Action
from lab.models.groups import Comparison, Group, Measured
from lab.models.model_folder import listed_models
from lab.observe.details import alert_source, drift_source, open_details, run_source
from lab.observe.details.alert_source import AlertSource, read_runbook, section, slug
from lab.observe.details.drift_source import DriftSource, count
from lab.observe.details.entry_source import EntryDetail, EntrySource, examine
from lab.observe.details.run_source import RunSource, entries_of
from lab.observe.details.version_groups import groups_in
from lab.observe.details.version_source import VersionSource, decisions_in, next_action
from tests.services.answers import answer
from tests.support.contracts import MODEL_NAME, profile_of, write_model
from tests.support.governed_lab import OFFICER, GovernedLab, MemoryStore
from tests.support.played_lab import config

PREFIX = "audit/"
BEGIN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def filled(*entries: Entry) -> MemoryStore:
    """A trail of these entries, sealed one after the other."""
    store = MemoryStore()
    last: Entry | None = None
    for entry in entries:
        last = seal(entry, last)
        store.objects[key_of(PREFIX, last.seq)] = last.body()
    return store


def entry(run_id: str, minutes: float, action: str = "train_model", **more: object) -> Entry:
    at = (BEGIN + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
    return Entry(action, Status.SUCCESS, "ada", "ml-engineer", "dev", at, run_id=run_id, **more)  # type: ignore[arg-type]


class Counting(MemoryStore):
    """Counts reads."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__()
        self.objects = store.objects
        self.reads = 0

    def read(self, key: str) -> bytes:
        self.reads += 1
        return super().read(key)


def run_at(minutes: float, length: float | None = 1.0) -> Run:
    start = (BEGIN + timedelta(minutes=minutes)).timestamp()
    end = None if length is None else start + 60 * length
    return Run("wanted", "job", RunStatus.SUCCESS if end else RunStatus.STARTED, start, start, end)


def test_a_runs_entries_are_found_by_its_time_in_few_reads() -> None:
    store = Counting(filled(*(entry("wanted" if 700 <= n < 705 else "other", 5 + n * 0.5) for n in range(1000))))
    found = entries_of(store, PREFIX, run_at(5 + 700 * 0.5, 2.5))
    assert [one.seq for one in found.entries] == [701, 702, 703, 704, 705]
    assert found.first <= 701 <= 705 <= found.last
    assert store.reads < 30


def test_a_running_runs_entries_are_read_to_the_head_and_an_empty_trail_has_none() -> None:
    store = filled(*(entry("wanted" if n % 2 else "other", n) for n in range(10)))
    assert len(entries_of(store, PREFIX, run_at(0, None)).entries) == 5
    assert entries_of(MemoryStore(), PREFIX, run_at(0)).entries == ()


def test_entries_that_can_not_be_read_do_not_hide_the_others() -> None:
    store = filled(*(entry("wanted", n * 0.1) for n in range(8)))
    store.objects[key_of(PREFIX, 3)] = b"[broken"
    del store.objects[key_of(PREFIX, 5)]
    assert [one.seq for one in entries_of(store, PREFIX, run_at(0)).entries] == [1, 2, 4, 6, 7, 8]


async def test_events_are_asked_for_from_where_the_last_answer_ended(tmp_path: Path) -> None:
    cursors: list[object] = []
    page = answer("dagster_events_ok")

    def serve(request: httpx.Request) -> httpx.Response:
        cursors.append(json.loads(request.content)["variables"]["cursor"])
        events = page["data"]["logsForRun"]
        return httpx.Response(
            200, json={"data": {"logsForRun": {**events, "cursor": f"c{len(cursors)}", "hasMore": False}}}
        )

    details = RunSource(config(tmp_path), httpx.MockTransport(serve))
    first = await details.events("r")
    second = await details.events("r")
    await details.aclose()
    assert cursors == [None, "c1"]
    assert len(second.events) == 2 * len(first.events) > 0
    assert second.complete


async def test_only_the_newest_events_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = answer("dagster_events_ok")
    length = len(page["data"]["logsForRun"]["events"])
    monkeypatch.setattr(run_source, "KEPT_EVENTS", length + 3)
    details = RunSource(config(tmp_path), httpx.MockTransport(lambda _: httpx.Response(200, json=page)))
    await details.events("r")
    found = await details.events("r")
    await details.aclose()
    assert (len(found.events), found.dropped) == (length + 3, length - 3)


async def test_a_run_in_full_has_its_configuration_and_tags(tmp_path: Path) -> None:
    details = RunSource(
        config(tmp_path), httpx.MockTransport(lambda _: httpx.Response(200, json=answer("dagster_run_detail")))
    )
    found = await details.run("r")
    await details.aclose()
    assert "governance" in found.config
    assert found.tags["lab/role"] == "ml-engineer"
    assert found.run.steps[0].name == "ingest_data"


async def test_a_run_that_is_not_there_is_named(tmp_path: Path) -> None:
    details = RunSource(
        config(tmp_path), httpx.MockTransport(lambda _: httpx.Response(200, json=answer("dagster_run_unknown")))
    )
    with pytest.raises(NotFound):
        await details.run("r")
    await details.aclose()


def proofs(found: EntryDetail) -> dict[str, bool | None]:
    return {proof.name: proof.holds for proof in found.proofs}


def look(store: EntryStore, seq: int) -> EntryDetail:
    return examine(store, PREFIX, seq, tuple)


def test_a_sound_entry_is_proved_with_both_links() -> None:
    store = filled(*(entry("r", n) for n in range(3)))
    assert proofs(look(store, 2)) == {"content": True, "link back": True, "link on": True, "signature": None}
    assert proofs(look(store, 1))["link back"] is True
    assert proofs(look(store, 3))["link on"] is None
    assert (look(store, 1).before.entry, look(store, 3).after.entry, look(store, 2).head) == (None, None, 3)


def test_each_kind_of_tampering_shows_at_its_proof() -> None:
    store = filled(*(entry("r", n) for n in range(4)))
    modified = store.objects[key_of(PREFIX, 2)].replace(b'"ada"', b'"eve"')
    store.objects[key_of(PREFIX, 2)] = modified
    assert proofs(look(store, 2))["content"] is False
    store.objects[key_of(PREFIX, 2)] = b" " + filled(*(entry("r", n) for n in range(4))).objects[key_of(PREFIX, 2)]
    assert "canonical" in look(store, 2).proofs[0].detail
    del store.objects[key_of(PREFIX, 2)]
    assert proofs(look(store, 3))["link back"] is False
    assert proofs(look(store, 1))["link on"] is False
    store.objects[key_of(PREFIX, 2)] = store.objects[key_of(PREFIX, 3)]
    assert "calls itself entry 3" in look(store, 2).proofs[0].detail
    store.objects[key_of(PREFIX, 2)] = b"{}"
    assert look(store, 2).entry is None
    assert proofs(look(store, 2)) == {"content": False}
    assert look(store, 3).before.problem


async def test_an_entry_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    details = EntrySource(config(tmp_path, AUDIT_LOG_PREFIX=PREFIX), filled(entry("r", 0)))
    assert (await details.entry(1)).seq == 1
    with pytest.raises(NotFound):
        await details.entry(7)
    await details.aclose()


async def test_a_signed_approval_is_proved_and_one_under_other_words_is_not(tmp_path: Path) -> None:
    lab = GovernedLab(tmp_path).staffed()
    outcome = await lab.act(Action.APPROVE, lab.train(), OFFICER)
    assert outcome.entry is not None
    seq, prefix = outcome.entry.seq, lab.config.audit_prefix
    signed = {proof.name: proof for proof in examine(lab.store, prefix, seq, lambda: read_signers(lab.config)).proofs}
    assert signed["signature"].holds is True
    assert OFFICER in signed["signature"].detail
    stranger = examine(lab.store, prefix, seq, tuple)
    assert {proof.name: proof.holds for proof in stranger.proofs}["signature"] is False
    statement = {**outcome.entry.details["statement"], "reason": "other words"}
    forged = replace(outcome.entry, details={**outcome.entry.details, "statement": statement}, hash="")
    lab.store.objects[key_of(prefix, seq)] = replace(forged, hash=forged.digest()).body()
    found = examine(lab.store, prefix, seq, lambda: read_signers(lab.config))
    assert {proof.name: proof.holds for proof in found.proofs}["signature"] is False


async def test_identities_and_baselines_are_signed_in_their_own_words(tmp_path: Path) -> None:
    lab = GovernedLab(tmp_path).staffed(baseline=False)
    seq = lab.store.entries[-1].seq
    found = examine(lab.store, lab.config.audit_prefix, seq, lambda: read_signers(lab.config))
    assert found.entry is not None
    assert found.entry.action == Action.IDENTITY
    assert {proof.name: proof.holds for proof in found.proofs}["signature"] is True


async def test_decisions_about_a_version_are_found_and_no_others(tmp_path: Path) -> None:
    lab = GovernedLab(tmp_path).staffed()
    first, second = lab.train(), lab.train()
    await lab.act(Action.APPROVE, first, OFFICER)
    await lab.act(Action.REJECT, second, OFFICER)
    await lab.act(Action.PROMOTE, first, OFFICER)
    version = ModelVersion("CreditRiskModel", first, 0.0, tags=lab.registry.tags[first])
    found = decisions_in(lab.store, lab.config.audit_prefix, version)
    said = [(one.action, str(one.status)) for one in found.entries]
    assert said[0] == ("register_model", "requested")
    assert ("approve", "approved") in said
    assert said[-1][0] == "promote"
    assert all(one.model_version in {first, ""} for one in found.entries)


def test_the_newest_decision_is_found_however_late_it_came() -> None:
    many = [entry("r", n, model_version="9") for n in range(700)]
    late = entry("r", 701, "promote", model_version="3")
    store = filled(entry("r", 0, "register_model"), *many, late)
    version = ModelVersion("M", "3", 0.0, tags={"audit_seq": "1", "decision_seq": "702"})
    found = decisions_in(store, PREFIX, version)
    assert [one.seq for one in found.entries] == [1, 702]
    assert [first <= last for first, last in found.searched] == [True, True]
    assert all(a[1] < b[0] for a, b in pairwise(found.searched))


def test_groups_are_those_that_the_training_of_this_version_audited(tmp_path: Path) -> None:
    lab = GovernedLab(tmp_path).staffed()
    old = Group("old", 90, 80, 0.1, 0.05, 0.15)
    told = Measured("mean_error_difference", 30, (Comparison("age", "m", "mean_error", 30, (old,)),)).as_details()
    first, second = lab.train(groups=told), lab.train()

    def of(number: str, run: str = "") -> Measured:
        run = run or lab.registry.runs[number]
        version = ModelVersion("CreditRiskModel", number, 0.0, tags=lab.registry.tags[number], run_id=run)
        return groups_in(lab.store, lab.config.audit_prefix, version)

    assert of(first).as_details() == told
    with pytest.raises(NotFound, match="No column of its contract was protected"):
        of(second)
    with pytest.raises(NotFound, match="no training of it"):
        of(second, "another run")


@pytest.mark.parametrize("tags", [{}, {"audit_seq": "x"}, {"audit_seq": "99"}])
def test_a_version_that_names_no_entry_has_no_decisions(tags: dict[str, str]) -> None:
    found = decisions_in(filled(entry("r", 0)), PREFIX, ModelVersion("M", "1", 0.0, tags=tags))
    assert (found.entries, found.searched) == ((), ())


def test_what_comes_next_follows_from_the_state() -> None:
    assert next_action("pending_staging") is Action.APPROVE
    assert next_action("approved_staging") is Action.PROMOTE
    assert next_action("archived") is None
    assert next_action("made up") is None
    for state in ApprovalState:
        action = next_action(state)
        assert action is None or (state, action) in MOVES


async def test_a_version_comes_with_its_run_and_the_champion(tmp_path: Path) -> None:
    def serve(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/2.0/mlflow/")
        if path == "artifacts/list":
            name = "mlflow_artifacts_plots" if request.url.params.get("path") else "mlflow_artifacts"
            return httpx.Response(200, json=answer(name))
        names = {
            "model-versions/get": "mlflow_version",
            "registered-models/search": "mlflow_models",
            "runs/get": "mlflow_run",
        }
        return httpx.Response(200, json=answer(names[path]))

    details = VersionSource(config(tmp_path), httpx.MockTransport(serve))
    found = await details.version(MODEL_NAME, "1")
    await details.aclose()
    assert found.run is not None
    assert [one.path for one in found.run.files] == ["plots/confusion_matrix.png", "plots/roc.png"]
    assert found.run.params


DATA = Path(__file__).parents[2] / "data" / "sample_data.csv"


def lines() -> Iterator[str]:
    with DATA.open(encoding="utf-8-sig", newline="") as file:
        yield from file


def test_histograms_agree_with_the_drift_report() -> None:
    baseline = profile_of(read_rows(lines()), "b")
    shifted = [line for line in lines() if "female" not in line]
    report = compare(baseline, read_rows(shifted), "c", 0.0)
    found = count(baseline, shifted, DatasetRef("c", 0, "x"), DatasetRef("b", 0, "y"))
    assert [(one.feature.name, round(one.psi, 9)) for one in found.histograms] == [
        (one.name, round(one.psi, 9)) for one in report.features
    ]
    assert found.rows == report.rows
    assert found.whole
    assert all(sum(one.current) == found.rows for one in found.histograms)
    assert found.histograms[0].psi > 0.1


async def test_two_models_on_the_same_data_have_a_comparison_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path, "one", "One", default="true")
    write_model(tmp_path, "two", "Two")
    whole = profile_of(read_rows(lines()), "b")
    stored = {DatasetRef("c", 1000, "x").key: DATA.read_bytes()}
    for model, profile in zip(
        listed_models(tmp_path), (whole, replace(whole, features=whole.features[:1])), strict=True
    ):
        stored[model.current_key] = DatasetRef("c", 1000, "x").to_json()
        stored[model.baseline_key] = DatasetRef("b", 1000, "y").to_json()
        stored[model.profile_key("b")] = profile.to_json()

    class Store:
        def __init__(self, _: LabConfig) -> None:
            self.reader = self

        async def get(self, bucket: str, key: str) -> bytes:
            return stored[key]

    monkeypatch.setattr(drift_source, "StoreSource", Store)
    monkeypatch.setattr(LabConfig, "pipelines", tmp_path)
    source = DriftSource(config(tmp_path))
    found = [len((await source.drift(name)).histograms) for name in ("One", "Two", "One")]
    assert found == [len(whole.features), 1, len(whole.features)]


def test_counting_stops_when_its_time_is_up_and_says_so() -> None:
    found = count(profile_of(read_rows(lines()), "b"), lines(), DatasetRef("c", 0, "x"), DatasetRef("b", 0, "y"), 0.0)
    assert not found.whole
    assert 0 < found.rows < 1000


def test_data_that_are_no_csv_are_explained() -> None:
    with pytest.raises(DatasetInvalid):
        count(profile_of(read_rows(lines()), "b"), ["a,b\n", "1,2\n"], DatasetRef("c", 0, "x"), DatasetRef("b", 0, "y"))


RULES = Path(__file__).parents[2] / "stack" / "prometheus" / "alert_rules.yml"
ROOT = RULES.parents[2]


def test_every_alerts_link_leads_to_its_runbook() -> None:
    links = [line.split()[-1] for line in RULES.read_text().splitlines() if "runbook_url:" in line]
    assert len(links) > 10
    for link in links:
        found = read_runbook(ROOT, link, "")
        assert slug(found.title) == link.partition("#")[2]
        assert any("Meaning" in line for line in found.lines)


def test_an_alert_without_a_link_is_looked_up_by_its_name() -> None:
    assert read_runbook(ROOT, "", "ServiceDown").title == "ServiceDown"
    with pytest.raises(NotFound, match="no section 'Unheard'"):
        read_runbook(ROOT, "", "Unheard")


@pytest.mark.parametrize(
    "link", ["https://example.com/x.md#a", "../../etc/passwd", "/etc/passwd", ".env", "docs/none.md#a"]
)
def test_links_that_lead_elsewhere_are_not_followed(link: str) -> None:
    with pytest.raises(NotFound):
        read_runbook(ROOT, link, "a")


def test_a_section_ends_at_the_next_heading_and_headings_in_code_are_none() -> None:
    text = "# Title\n## One two!\na\n```\n# no heading\n```\n### deeper\nb\n\n## Other\nc\n"
    assert section(text, "one-two") == ("One two!", ("a", "```", "# no heading", "```", "### deeper", "b"))
    assert section(text, "other") == ("Other", ("c",))
    assert section(text, "no-heading") is None


SILENCE = {
    "id": "0b8c", "status": {"state": "active"}, "updatedAt": "2026-11-23T18:00:00.000Z", "comment": "known",
    "createdBy": "ada", "startsAt": "2026-11-23T18:00:00.000Z", "endsAt": "2026-11-23T20:00:00.000Z",
    "matchers": [
        {"name": "alertname", "value": "ServiceDown", "isRegex": False, "isEqual": True},
        {"name": "job", "value": "ml.*", "isRegex": True, "isEqual": False},
    ],
}  # fmt: skip


class NoAlertmanager:
    """A runtime that knows of no Alertmanager."""

    def facts(self, measured: bool = False) -> dict[Service, ProcessFact]:
        return {Service.ALERTMANAGER: ProcessFact("absent", reason="no binary on PATH", remedy="Install it.")}


async def test_silences_are_read_as_people_write_them(tmp_path: Path) -> None:
    seen: list[str] = []

    def serve(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(200, json=[{**SILENCE, "id": "old", "status": {"state": "expired"}}, SILENCE])

    details = AlertSource(config(tmp_path), NoAlertmanager, httpx.MockTransport(serve))  # type: ignore[arg-type]
    found = await details.silences()
    await details.aclose()
    assert [one.state for one in found] == ["active", "expired"]
    assert found[0].matchers == ('alertname="ServiceDown"', 'job!~"ml.*"')
    assert found[0].ends_at - found[0].begins_at == 7200
    assert seen[0].startswith("Basic ")


async def test_without_an_alertmanager_the_reason_is_given(tmp_path: Path) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    details = AlertSource(config(tmp_path), NoAlertmanager, httpx.MockTransport(refuse))  # type: ignore[arg-type]
    with pytest.raises(LabError, match=r"nothing can be silenced: no binary on PATH\. Install it\."):
        await details.silences()
    await details.aclose()


async def test_an_alertmanager_that_only_fails_is_not_called_absent(tmp_path: Path) -> None:
    def unknown() -> NoAlertmanager:
        raise LabError("nobody knows")

    details = AlertSource(config(tmp_path), unknown, httpx.MockTransport(lambda _: httpx.Response(500)))  # type: ignore[arg-type]
    with pytest.raises(ServiceUnavailable, match="500"):
        await details.silences()
    await details.aclose()


async def test_every_kind_of_drill_down_has_a_source_and_no_other(tmp_path: Path) -> None:
    for kind in ("services", "runs", "models", "audit", "drift", "alerts"):
        details = open_details(config(tmp_path), NoAlertmanager, kind)  # type: ignore[arg-type]
        await details.aclose()
    with pytest.raises(NotFound):
        open_details(config(tmp_path), NoAlertmanager, "other")  # type: ignore[arg-type]


def test_login_is_the_one_that_alertmanager_is_given() -> None:
    from lab.runtime.credentials import USER

    assert alert_source.USER == USER


def test_decisions_are_those_of_the_version_and_not_of_another_with_its_number() -> None:
    def said(action: str, status: Status, run: str, number: str = "1") -> Entry:
        made = Entry(action, status, "ann", "ml-engineer", "dev", "t", model_version=number)
        return replace(made, details={"mlflow_run_id": run})

    store = filled(
        said("register_model", Status.REQUESTED, "old", ""),
        said("register_with_governance", Status.SUCCESS, "old"),
        said("approve", Status.APPROVED, "old"),
        said("register_model", Status.REQUESTED, "new", ""),
        said("register_with_governance", Status.SUCCESS, "new"),
        said("reject", Status.REJECTED, "old"),
        said("promote", Status.REFUSED, "new"),
    )
    numbers = {
        (run, begin): [one.seq for one in decisions_in(store, PREFIX, version).entries]
        for run, begin in (("old", "1"), ("new", "4"), ("new", "1"))
        for version in (ModelVersion("M", "1", 0.0, run, tags={"audit_seq": begin}),)
    }
    assert numbers == {("old", "1"): [1, 2, 3], ("new", "4"): [4, 5, 7], ("new", "1"): []}
