"""An answer that is as it was isn't read again."""

import json
from typing import Any

import httpx
import pytest

from lab.services import mlflow
from lab.services.as_before import AsBefore
from lab.services.mlflow import Mlflow
from tests.services.answers import answer, http


def test_the_same_answer_is_the_same_value_until_another_one_comes() -> None:
    read: list[str] = []

    def split(text: str) -> list[str]:
        read.append(text)
        return text.split()

    reader = AsBefore(split)
    first = reader("a b")
    assert reader("a b") is first
    assert reader("b") == ["b"]
    assert reader("a b") == first
    assert read == ["a b", "b", "a b"]


def test_what_cannot_be_read_is_no_answer_of_before() -> None:
    reader = AsBefore(lambda text: int(text))
    assert reader("1") == 1
    for _ in range(2):
        with pytest.raises(ValueError, match="x"):
            reader("x")
    assert reader("1") == 1


async def test_versions_are_read_again_when_something_of_them_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    body, read = answer("mlflow_versions"), []

    def serve(request: httpx.Request) -> httpx.Response:
        kind = request.url.path.rpartition("mlflow/")[2]
        known = {"model-versions/search": body, "registered-models/search": {}}
        return httpx.Response(200, content=json.dumps(known.get(kind, answer("mlflow_run"))).encode())

    def counting(raw: Any) -> Any:
        read.append(raw["version"])
        return read_version(raw)

    read_version = mlflow.read_version
    monkeypatch.setattr(mlflow, "read_version", counting)
    client = Mlflow(http(serve))
    first = await client.versions()
    assert await client.versions() == first
    assert read == ["3", "2", "1"]
    body["model_versions"][0]["tags"][0]["value"] = "eve"
    assert [one.tags.get("owner") for one in await client.versions()] == ["eve", None, None]
    assert read == ["3", "2", "1"] * 2
