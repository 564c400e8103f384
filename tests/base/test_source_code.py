"""Entries name the code that was at work, as it is at that moment."""

import os
import re
from hashlib import sha256
from pathlib import Path

import pytest

from lab.base.source_code import code_version, fingerprint, sources
from tests.support.project import git


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
    lock, code = sha256(b"locked\n").hexdigest()[:12], fingerprint(sources(project))[:12]
    assert code_version(project) == f"git:{git(project, 'rev-parse', 'HEAD')} lock:{lock} code:{code}"
    assert re.fullmatch(r"git:[0-9a-f]{40} lock:[0-9a-f]{12} code:[0-9a-f]{12}", code_version(project))


@pytest.mark.parametrize("name", ["pipelines/step.py", "pipelines/new.py", "uv.lock"])
def test_changed_code_is_not_the_commit(name: str, project: Path) -> None:
    (project / name).write_text("changed\n")
    assert "+dirty lock:" in code_version(project)


def test_a_note_beside_the_code_changes_nothing(project: Path) -> None:
    (project / "notes.md").write_text("buy milk\n")
    assert "+dirty" not in code_version(project)


def test_a_pipe_among_the_code_holds_nobody_up(project: Path) -> None:
    before = sources(project)
    os.mkfifo(project / "pipelines" / "train.py")
    assert sources(project) == before


def test_a_new_commit_and_a_new_lock_file_show_at_once(project: Path) -> None:
    before = code_version(project)
    (project / "uv.lock").write_text("locked anew\n")
    git(project, "commit", "-q", "-a", "-m", "second")
    after = code_version(project)
    assert [a == b for a, b in zip(before.split(), after.split(), strict=True)] == [False, False, True]


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
    lock, code = sha256(b"locked\n").hexdigest()[:12], fingerprint(sources(project))[:12]
    assert code_version(project) == f"lock:{lock} code:{code}"


def test_two_edits_of_one_commit_are_told_apart(project: Path) -> None:
    committed = code_version(project)
    (project / "pipelines" / "step.py").write_text("a = 2\n")
    one = code_version(project)
    (project / "pipelines" / "step.py").write_text("a = 3\n")
    other = code_version(project)
    assert len({committed, one, other}) == 3
    (project / "pipelines" / "step.py").write_text("a = 1\n")
    assert code_version(project) == committed


def test_code_that_was_read_before_an_edit_was_taken_back_is_not_the_commit(project: Path) -> None:
    committed = fingerprint(sources(project))
    (project / "pipelines" / "step.py").write_text("a = 2\n")
    executed = fingerprint(sources(project))
    (project / "pipelines" / "step.py").write_text("a = 1\n")
    assert "+dirty" not in code_version(project, executed=committed)
    assert f"+dirty lock:{sha256(b'locked' + bytes([10])).hexdigest()[:12]} code:{executed[:12]}" in code_version(
        project, executed=executed
    )


def test_an_image_says_what_it_was_built_from_until_its_code_is_changed(project: Path, tmp_path: Path) -> None:
    built = code_version(project)
    image = tmp_path / "image"
    (image / "pipelines").mkdir(parents=True)
    (image / "pipelines" / "step.py").write_text("a = 1\n")
    assert code_version(image, built=built) == built
    (image / "pipelines" / "step.py").write_text("a = 2\n")
    commit, lock, code = code_version(image, built=built).split()
    assert commit == f"git:{git(project, 'rev-parse', 'HEAD')}+dirty"
    assert lock in built.split()
    assert code == f"code:{fingerprint(sources(image))[:12]}"
