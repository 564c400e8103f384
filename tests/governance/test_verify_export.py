"""The offline verifier: what it says, what it needs, and that it needs no lab."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lab.governance.ledger import Status, parse, seal
from lab.governance.ledger.reader import export_line
from lab.governance.ledger.verify_export import main
from tests.governance.test_ledger import chain, entry

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    file = tmp_path / "audit.jsonl"
    file.write_text("".join(f"{export_line(key, body)}\n" for key, body in chain(5)))
    return file


@pytest.fixture
def heads(tmp_path: Path) -> Path:
    file = tmp_path / "heads.jsonl"
    newest = parse(chain(5)[-1][1])
    file.write_text(json.dumps({"seq": newest.seq, "hash": newest.hash}) + "\n")
    return file


def cut(export: Path, lines: int) -> None:
    export.write_text("".join(export.read_text().splitlines(keepends=True)[:lines]))


def test_a_sound_export_is_intact(export: Path, heads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(export), str(heads)]) == 0
    said = capsys.readouterr().out
    assert "5 entries, head 5 (" in said
    assert "1 published heads compared" in said
    assert said.endswith("\nINTACT\n")


def test_without_heads_it_says_what_would_not_be_seen(export: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut(export, 4)
    assert main([str(export)]) == 0
    assert "No published head was compared" in capsys.readouterr().out


def test_a_cut_export_is_found_by_the_heads(export: Path, heads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut(export, 4)
    assert main([str(export), str(heads)]) == 1
    said = capsys.readouterr().out
    assert "entry 5: cut off" in said
    assert "heads.jsonl, line 1" in said
    assert "NOT INTACT" in said


@pytest.mark.parametrize("with_heads", [True, False])
def test_an_export_without_an_entry_proves_nothing(
    with_heads: bool, export: Path, heads: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut(export, 0)
    assert main([str(export), *[str(heads)] * with_heads]) == 1
    said = capsys.readouterr().out
    assert ("cut off" if with_heads else "audit.jsonl holds no entry") in said
    assert said.endswith("\nNOT INTACT: 1 found\n")


def test_a_trail_of_somebody_else_is_found_by_the_heads(export: Path, tmp_path: Path) -> None:
    head = {"seq": 5, "hash": "0" * 64}
    (tmp_path / "ours.jsonl").write_text(json.dumps(head) + "\n")
    assert main([str(export), str(tmp_path / "ours.jsonl")]) == 1


def test_a_step_without_an_end_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun = seal(entry("train_model", Status.STARTED), None)
    file = tmp_path / "audit.jsonl"
    file.write_text(export_line("a/000000000001.json", begun.body()) + "\n")
    assert main([str(file)]) == 0
    assert "OPEN   entry 1: train_model of run r1 has no end" in capsys.readouterr().out


def test_what_an_entry_holds_cannot_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun = seal(entry("\x1b[2Jtrain", Status.STARTED), None)
    file = tmp_path / "audit.jsonl"
    file.write_text(export_line("a/000000000001.json", begun.body()) + "\n")
    main([str(file)])
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\\x1b[2Jtrain" in said


@pytest.mark.parametrize(
    "line",
    ["", "[]", "{}", '{"key": "x", "body": "a", "body": "b"}', '{"key": "x"}', '{"key": "x", "body": 7}', "\xff"],
)
def test_a_file_that_is_no_export_cannot_be_read(export: Path, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with export.open("a", encoding="latin-1") as file:
        file.write(line + "\n")
    assert main([str(export)]) == 2
    assert "line 6, is no line of an export" in capsys.readouterr().err


def test_a_file_that_is_no_list_of_heads_cannot_be_read(export: Path, heads: Path) -> None:
    heads.write_text('{"seq": "5", "hash": "x"}\n')
    assert main([str(export), str(heads)]) == 2


def test_a_head_beyond_every_number_is_a_cut_and_no_crash(export: Path, heads: Path) -> None:
    heads.write_text(f'{{"seq": {10**400}, "hash": "x"}}\n')
    assert main([str(export), str(heads)]) == 1


def test_an_absent_file_and_wrong_usage_end_with_two(tmp_path: Path) -> None:
    assert main([str(tmp_path / "absent")]) == 2
    assert main([]) == 2


def test_bytes_that_are_no_text_survive_an_export(tmp_path: Path) -> None:
    from lab.governance.ledger.verify_export import exported

    file = tmp_path / "audit.jsonl"
    file.write_text(export_line("k", b"\xff\x00") + "\n" + export_line("k", "\ufffd".encode()) + "\n")
    assert [body for _, body in exported(file)] == [b"\xff\x00", "\ufffd".encode()]


def test_it_needs_nothing_of_the_lab_but_the_ledger(export: Path, heads: Path) -> None:
    code = (
        "import runpy, sys; sys.argv = ['x', *sys.argv[1:]]\n"
        "try: runpy.run_module('lab.governance.ledger.verify_export', run_name='__main__')\n"
        "except SystemExit as end: assert end.code == 0\n"
        "sys.stderr.write(' '.join(sorted(name for name in sys.modules if name.startswith('lab'))))"
    )
    # Isolated and without packages: what an auditor's machine has.
    argv = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"]
    done = subprocess.run([*argv, str(export), str(heads)], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.endswith("INTACT\n")
    modules = set(done.stderr.split())
    ledger = {f"lab.governance.ledger{part}" for part in ("", ".entry", ".chain", ".store")}
    assert modules <= {"lab", "lab.base", "lab.governance", "lab.base.errors", *ledger}
