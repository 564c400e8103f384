"""Looking at a lab elsewhere: what has an address is asked, nothing else is, and nothing is asked of this machine."""

from pathlib import Path

import httpx
import pytest

from lab import wiring
from lab.base.catalogue import CATALOGUE, UNSEEN, Service
from lab.base.errors import LabError, UsageError
from lab.observe.remote import (
    REACHABLE,
    RemoteObserver,
    checked_url,
    endpoints_at,
    endpoints_in,
    first_remote_snapshot,
    remote_config,
)
from lab.observe.snapshot import Health, SliceState
from tests.support.played_lab import Services, config


def test_a_host_has_the_ports_of_its_offset() -> None:
    assert endpoints_at("lab.example.com")[Service.MLFLOW] == "http://lab.example.com:5000"
    assert endpoints_at("lab.example.com:7000")[Service.DAGSTER] == "http://lab.example.com:10000"
    assert endpoints_at("[::1]:10")[Service.DAGSTER] == "http://[::1]:3010"
    assert endpoints_at("[::1]")[Service.DAGSTER] == "http://[::1]:3000"


def test_what_wants_a_password_is_not_sent_one_unless_its_own_address_is_given() -> None:
    assert not {Service.OBJECT_STORE, Service.ALERTMANAGER, Service.GRAFANA} & set(endpoints_at("somewhere"))


@pytest.mark.parametrize("where", [":7000", "a/b", "http://a", "a:b", "a:-1", "a:40001", "me:secret@a", "a:7000:1x"])
def test_what_is_no_host_is_refused(where: str) -> None:
    with pytest.raises(UsageError, match="--at"):
        endpoints_at(where)


@pytest.mark.parametrize("url", ["ftp://a", "a:5000", "http://", "//a", "http://a:0", "http://a:99999", "http://[a"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="--mlflow-url"):
        checked_url("--mlflow-url", url)


def test_a_settings_file_names_the_pages(tmp_path: Path) -> None:
    file = tmp_path / "dev.env"
    file.write_text("LAB_NAME=mlops-dev\nLAB_PAGES=dagster=https://dagster.example.com,mlflow=https://m.example.com/\n")
    assert endpoints_in(file) == {
        Service.DAGSTER: "https://dagster.example.com",
        Service.MLFLOW: "https://m.example.com",
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "names no pages"),
        ("LAB_NAME=x", "names no pages"),
        ('LAB_NAME="x', "line 1, can't be read"),
        ("LAB_NAME=\0\udcff", "can't decode byte 0xff"),
        ("LAB_PAGES=postgres=https://a", "'postgres', which has no page"),
        ("LAB_PAGES=mlflow=ftp://a", "is no address"),
        ("LAB_PAGES=mlflow=https://ada:secret@a", "holds a name or password"),
    ],
)
def test_a_file_without_pages_that_can_be_asked_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "dev.env"
    file.write_text(text, errors="surrogateescape")
    with pytest.raises(UsageError, match=problem) as caught:
        endpoints_in(file)
    assert "LAB_ENV_FILE" not in caught.value.remedy


def test_credentials_in_an_address_are_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        checked_url("--mlflow-url", "https://ada:secret@mlflow.example.com")
    assert "secret" not in str(caught.value)
    assert checked_url("--mlflow-url", "https://mlflow.example.com/") == "https://mlflow.example.com"


async def test_what_has_an_address_is_seen_and_everything_else_is_said_not_to_be(tmp_path: Path) -> None:
    lab = config(tmp_path)
    services = Services(lab)
    seen = {name: lab.url(name) for name in (Service.DAGSTER, Service.MLFLOW)}
    far = remote_config(lab, seen)
    observer = RemoteObserver(far, services.transport)
    try:
        snapshot = await observer.tick(first_remote_snapshot(far, 0.0))
    finally:
        await observer.aclose()

    states = {state.name: state for state in snapshot.services.value or ()}
    assert list(states) == [spec.name for spec in CATALOGUE]
    observed = {Service.DAGSTER, Service.DAGSTER_DAEMON, Service.MLFLOW}
    assert all((state.reason == UNSEEN) is (name not in observed) for name, state in states.items())
    assert states[Service.DAGSTER].health is states[Service.MLFLOW].health is Health.UP
    assert (snapshot.runs.state, snapshot.models.state) == (SliceState.OK, SliceState.OK)
    for part, option in (
        (snapshot.audit, "object-store"),
        (snapshot.drift, "drift-monitor"),
        (snapshot.alerts, "prometheus"),
    ):
        assert part.state is SliceState.FAILED
        assert f"{UNSEEN}. Give its address by --{option}-url." in part.error
    assert {name for name, count in services.asked.items() if count} == {Service.DAGSTER, Service.MLFLOW}
    assert (snapshot.lab.name, snapshot.lab.runtime, snapshot.lab.owner) == ("127.0.0.1", "remote", "")


async def test_a_lab_elsewhere_that_does_not_answer_is_no_error_of_ours(tmp_path: Path) -> None:
    far = remote_config(config(tmp_path), dict.fromkeys(REACHABLE, f"http://127.0.0.1:{1}"))
    transport = httpx.MockTransport(lambda _: httpx.Response(502, html="<h1>Bad gateway</h1>"))
    observer = RemoteObserver(far, transport)
    try:
        snapshot = await observer.tick(first_remote_snapshot(far, 0.0))
    finally:
        await observer.aclose()
    assert {state.health for state in snapshot.services.value or () if state.reason != UNSEEN} == {Health.DOWN}
    assert snapshot.runs.state is SliceState.FAILED


def test_processes_of_a_lab_elsewhere_are_never_looked_for_here(tmp_path: Path) -> None:
    far = remote_config(config(tmp_path), {Service.MLFLOW: "http://elsewhere"})
    with pytest.raises(LabError, match=UNSEEN):
        wiring.runtime(far)
    assert wiring.first_snapshot(far, 0.0).lab.name == "elsewhere"
