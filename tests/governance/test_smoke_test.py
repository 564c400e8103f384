"""The packages that a version is tried with are those that it was trained with."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from lab.governance.cases import model_smoke_test
from lab.models.environment import OwnEnvironment
from tests.support.contracts import write_model
from tests.support.played_lab import config

NOW, THEN = b"version = 1\n# now\n", b"version = 1\n# then\n"


@pytest.mark.parametrize(
    ("trained_with", "made"),
    [(sha256(NOW).hexdigest(), True), (sha256(THEN).hexdigest(), False), ("", False)],
    ids=["the folder's lock", "another one", "the lab's packages"],
)
def test_packages_are_made_of_the_versions_own_lock_only(
    trained_with: str, made: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_model(tmp_path / "pipelines", "churn", "Churn")
    (folder / "pyproject.toml").write_text("[project]\n")
    (folder / "uv.lock").write_bytes(NOW)
    installed: list[str] = []

    def prepared(own: OwnEnvironment, *_: object) -> None:
        installed.append(own.lock_hash)

    monkeypatch.setattr(model_smoke_test, "prepared", prepared)
    lab = replace(config(tmp_path, LAB_HOME=str(tmp_path / "home")), root=tmp_path)
    tried = model_smoke_test.try_model(lab, "Churn", "1", "d" * 64, "e" * 64, trained_with)
    assert not tried.works
    assert installed == ([trained_with] if made else [])
