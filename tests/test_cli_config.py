"""`mlops-lab config` and `--at` more than once, as a user meets them: files, exit codes, messages, no tracebacks."""

import json
import os
import tomllib
from pathlib import Path

import pytest

from lab import cli
from tests.support.ports import NEVER_STARTED
from tests.test_cli import nowhere, run

__all__ = ["nowhere"]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "mlops-lab" / "screen.toml"


def test_an_example_is_written_once_for_its_owner_only_and_is_well(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["config", "--check"]) == 0
    assert "There is no" in capsys.readouterr().out
    assert cli.main(["config"]) == 0
    assert f"written: {path}" in capsys.readouterr().out
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert tomllib.loads(path.read_text()) == {}
    path.write_text('[keys]\nrefresh = "f5"\n')
    assert cli.main(["config"]) == 0
    assert path.read_text() == '[keys]\nrefresh = "f5"\n'
    assert "1 keys and 0 commands set; all is well" in capsys.readouterr().out


def test_what_is_wrong_is_said_for_people_and_programs(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.parent.mkdir()
    path.write_text('\n[keys]\nrestart = "z"\n')
    assert cli.main(["config", "--check"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"error: {path}, line 3: keys.restart: 'z' is the key of zoom, too")
    assert "Traceback" not in said.err
    assert cli.main(["config", "--check", "--json", str(path)]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["file"] == str(path)
    assert document["succeeded"] is False
    assert document["problem"]["remedy"]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert cli.main(["config", str(tmp_path / "file" / "screen.toml")]) == 1
    assert "Can't write" in capsys.readouterr().err


def test_a_dangling_link_is_not_written_through(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = tmp_path / "screen.toml"
    link.symlink_to(tmp_path / "elsewhere")
    assert cli.main(["config", str(link)]) == 0
    assert not (tmp_path / "elsewhere").exists()


def test_the_names_of_keys_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config", "--keys", "--json"]) == 0
    listed = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert listed["refresh"]["keys"] == ["r"]
    assert "everywhere" in listed["refresh"]["where"]
    assert cli.main(["config", "--keys"]) == 0
    assert "what-needs-you" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--json"], ["--check", "--keys"]], ids=" ".join)
def test_options_that_do_not_fit_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["config", *arguments])
    assert left.value.code == 2


def test_several_labs_are_a_list_of_documents(nowhere: dict[str, str]) -> None:
    elsewhere = f"127.0.0.1:{NEVER_STARTED}"
    found = run("--at", ".", "--at", elsewhere, "--once", "--json", env=nowhere)
    assert found.returncode == 1
    documents = json.loads(found.stdout)
    assert [one["lab"]["name"] for one in documents] == ["nowhere", elsewhere]
    assert found.stderr.startswith(f"error: The labs nowhere, {elsewhere} aren't up.")
    one = run("--at", ".", "--once", "--json", env=nowhere)
    assert json.loads(one.stdout)["lab"]["name"] == "nowhere"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--at", "a", "--at", "a", "--once"], "--at names 'a' twice"),
        (["--at", "a", "--at", "b", "--mlflow-url", "http://m", "--once"], "--mlflow-url belongs to one lab"),
        (["--at", "a", "--at", "b/c", "--once"], "there is no such file"),
        (["--at", "a", "--at", "b", "dash", "--once"], "--at is there more than once"),
        (["--at", "a", "--at", "b", "record", "x.gz"], "--at is there more than once"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_labs_that_do_not_fit_together_are_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    assert said in capsys.readouterr().err


def test_an_environment_without_home_has_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from lab.screen.user.found import load_user

    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_user({key: value for key, value in os.environ.items() if key != "XDG_CONFIG_HOME"}) is None
