"""MLflow goes away for a while: what may be repeated is, what must not be made twice is looked for first."""

import os
from collections.abc import Callable

import mlflow
import pytest
from mlflow.environment_variables import (
    MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD,
    MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD,
)
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

from lab.training.tracking import connect, created

REFUSED = MlflowException("API request to http://m/x failed with exception Max retries exceeded: Connection refused")
LOST = MlflowException("API request to http://m/x failed with exception ('Connection aborted.', RemoteDisconnected())")
SLOW = MlflowException("API request to http://m/x failed with timeout exception Read timed out. (read timeout=20)")


class Registry:
    """Makes versions, and fails as it is told; `made` counts what it holds."""

    def __init__(self, *failures: tuple[MlflowException, bool]) -> None:
        self.failures = list(failures)
        self.made = self.asked = 0
        self.now = 0.0

    def make(self) -> int:
        self.asked += 1
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0"
        failure, carried_out = self.failures.pop(0) if self.failures else (None, True)
        self.made += carried_out
        if failure:
            raise failure
        return self.made

    def look(self) -> int | None:
        return self.made or None

    def pause(self, seconds: float) -> None:
        self.now += seconds

    def created(self, deadline_s: float = 60.0) -> int:
        return created(self.make, self.look, deadline_s, lambda: self.now, self.pause)


@pytest.mark.parametrize(
    ("failures", "asked"),
    [
        ([], 1),
        ([(REFUSED, False)], 2),
        ([(REFUSED, False), (LOST, False)], 3),
        ([(LOST, True)], 1),
        ([(REFUSED, False), (LOST, True)], 2),
    ],
)
def test_a_version_is_made_exactly_once_whatever_answer_is_lost(
    failures: list[tuple[MlflowException, bool]], asked: int
) -> None:
    registry = Registry(*failures)
    assert registry.created() == 1
    assert (registry.made, registry.asked) == (1, asked)


def test_a_request_that_may_still_be_carried_out_is_not_made_again() -> None:
    registry = Registry((SLOW, False))
    with pytest.raises(MlflowException, match="timed out"):
        registry.created()
    assert registry.asked == 1


def test_what_is_refused_is_not_asked_for_again() -> None:
    registry = Registry((MlflowException("no such run", error_code=INVALID_PARAMETER_VALUE), False))
    with pytest.raises(MlflowException, match="no such run"):
        registry.created()
    assert registry.asked == 1


def test_a_server_that_stays_away_ends_it_at_the_deadline() -> None:
    registry = Registry(*[(REFUSED, False)] * 100)
    with pytest.raises(MlflowException, match="refused"):
        registry.created(deadline_s=10)
    assert (registry.made, registry.asked) == (0, 7)


def test_other_requests_are_repeated_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
    for set_up, left in _environments(monkeypatch, name):
        set_up()
        Registry().created()
        assert os.environ.get(name) == left


def _environments(monkeypatch: pytest.MonkeyPatch, name: str) -> list[tuple[Callable[[], None], str | None]]:
    return [(lambda: monkeypatch.setenv(name, "4"), "4"), (lambda: monkeypatch.delenv(name, False), None)]


def test_files_go_through_mlflows_server_and_never_to_an_address_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """That address is one of the containers' networks, and the server offers it to everybody who isn't told."""
    flags = (MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD, MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD)
    for flag in flags:
        monkeypatch.delenv(flag.name, raising=False)
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    try:
        connect("http://127.0.0.1:1")
        assert [(flag.is_set(), flag.get()) for flag in flags] == [(True, False)] * 2
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])
