"""Entries name the code that was at work, as it is at that moment."""

import os
import re
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from lab.clients.code_version import code_version


def git(folder: Path, *arguments: str) -> str:
    identity = {f"GIT_{who}_{what}": "t@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), **identity}
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], env=environ, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "pipelines").mkdir(parents=True)
    (folder / "pipelines" / "step.py").write_text("a = 1\n")
    (folder / "uv.lock").write_text("locked\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def test_a_clean_project_is_its_commit_and_its_lock_file(project: Path) -> None:
    lock = sha256(b"locked\n").hexdigest()[:12]
    assert code_version(project) == f"git:{git(project, 'rev-parse', 'HEAD')} lock:{lock}"
    assert re.fullmatch(r"git:[0-9a-f]{40} lock:[0-9a-f]{12}", code_version(project))


@pytest.mark.parametrize("name", ["pipelines/step.py", "pipelines/new.py", "uv.lock"])
def test_changed_code_is_not_the_commit(name: str, project: Path) -> None:
    (project / name).write_text("changed\n")
    assert "+dirty lock:" in code_version(project)


def test_a_note_beside_the_code_changes_nothing(project: Path) -> None:
    (project / "notes.md").write_text("buy milk\n")
    assert "+dirty" not in code_version(project)


def test_a_new_commit_and_a_new_lock_file_show_at_once(project: Path) -> None:
    before = code_version(project)
    (project / "uv.lock").write_text("locked anew\n")
    git(project, "commit", "-q", "-a", "-m", "second")
    after = code_version(project)
    assert [a == b for a, b in zip(before.split(), after.split(), strict=True)] == [False, False]


def test_a_folder_inside_another_repository_has_no_commit(project: Path) -> None:
    inner = project / "pipelines"
    assert code_version(inner) == ""
    (inner / "uv.lock").write_text("")
    assert code_version(inner).startswith("lock:")


def test_the_environment_of_a_git_hook_names_no_other_repository(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(project / ".git"))
    assert code_version(tmp_path) == ""


def test_without_git_the_lock_file_remains(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(project))
    assert code_version(project) == f"lock:{sha256(b'locked' + bytes([10])).hexdigest()[:12]}"
