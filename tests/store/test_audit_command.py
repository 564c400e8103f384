"""`mlops-lab audit` as its users type it: on a store alone, and on an export with no store at all."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lab import cli
from lab.governance.ledger import Entry, key_of
from lab.governance.ledger.published_heads import PublishedHeads
from lab.governance.ledger.writer import Ledger
from lab.runtime.layout import Layout
from lab.services.s3 import ADMIN
from tests.store.test_access import entry
from tests.store.test_writers import _Away
from tests.support.weed import RealTrail

LENGTH = 4


@pytest.fixture
def written(trail: RealTrail, monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    """Four entries and their published heads, and the environment of a user of that lab."""
    for name, value in {
        "LAB_NAME": trail.config.name,
        "LAB_HOME": str(trail.config.home),
        "LAB_ENV_FILE": str(trail.config.env_file),
        "PORT_OFFSET": str(trail.config.port_offset),
        "AUDIT_LOG_PREFIX": trail.prefix,
    }.items():
        monkeypatch.setenv(name, value)
    published = PublishedHeads.in_folder(trail.config.witness)
    published.path.unlink(missing_ok=True)
    ledger = Ledger(trail.store(), trail.prefix, published=published)
    return [ledger.append(entry(number)) for number in range(LENGTH)]


def test_a_sound_trail_is_verified_and_says_which_heads_it_lacks(
    written: list[Entry], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["audit", "verify"]) == 0
    said = capsys.readouterr().out
    assert f"4 entries, head 4 ({written[-1].hash}), 4 published heads compared\nINTACT\n" in said
    assert "MLflow was not asked" in said
    assert "Prometheus was not asked" in said


def test_a_hidden_entry_fails_the_command_and_is_in_its_json(
    written: list[Entry], trail: RealTrail, capsys: pytest.CaptureFixture[str]
) -> None:
    trail.client(ADMIN).delete_object(Bucket=trail.bucket, Key=key_of(trail.prefix, 2))
    assert cli.main(["audit", "verify", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["intact"]
    assert [(fault["seq"], fault["kind"]) for fault in found["faults"]] == [(2, "deleted")]
    assert found["head"] == {"seq": 4, "hash": written[-1].hash}


def test_a_bucket_that_was_weakened_fails_the_command_until_it_is_locked_again(
    written: list[Entry], trail: RealTrail, capsys: pytest.CaptureFixture[str]
) -> None:
    client = trail.client(ADMIN)
    client.put_object_lock_configuration(Bucket=trail.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    try:
        Ledger(trail.store(), trail.prefix).append(entry(LENGTH))
        assert cli.main(["audit", "verify"]) == 1
        said = capsys.readouterr().out
        assert "\nINTACT\n" in said
        assert "EXPOSED  audit bucket: lock: new entries aren't locked" in said
        assert "EXPOSED  unlocked: entry 5 isn't locked" in said
        assert cli.main(["audit", "verify", "--json"]) == 1
        found = json.loads(capsys.readouterr().out)
        assert (found["intact"], [one["seq"] for one in found["exposed"]], len(found["bucket"])) == (True, [5], 1)
    finally:
        assert cli.main(["audit", "lock"]) == 0
    assert "1 entries were locked anew, for 30 days" in capsys.readouterr().out
    assert cli.main(["audit", "verify"]) == 0


@pytest.mark.parametrize("option", ["--published-heads", "--witness"])
def test_heads_from_a_file_are_compared_as_well(
    option: str, written: list[Entry], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "auditors.jsonl"
    file.write_text(json.dumps({"seq": 5, "hash": "f" * 64}) + "\n")
    assert cli.main(["audit", "verify", option, str(file)]) == 1
    assert "entry 5: cut off" in capsys.readouterr().out


def test_an_export_is_verified_with_the_heads_that_came_with_it(
    written: list[Entry], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "audit.jsonl"
    assert cli.main(["audit", "export", str(file)]) == 0
    assert "wrote 4 entries" in capsys.readouterr().out
    assert cli.main(["audit", "verify", "--from-export", str(file)]) == 0

    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    assert cli.main(["audit", "verify", "--from-export", str(file)]) == 1
    assert "entry 4: cut off" in capsys.readouterr().out


def test_an_export_can_go_to_standard_output_from_any_entry(
    written: list[Entry], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["audit", "export", "--from", "3"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["body"].encode() for line in lines] == [one.body() for one in written[2:]]
    assert cli.main(["audit", "export", "--from", "0"]) == 2


def test_what_waits_in_the_journal_is_delivered(
    written: list[Entry], trail: RealTrail, capsys: pytest.CaptureFixture[str]
) -> None:
    Ledger(_Away(), trail.prefix, Layout(trail.config.home).journal).append_or_keep(entry(9))
    assert cli.main(["audit", "deliver"]) == 0
    assert cli.main(["audit", "deliver"]) == 0
    assert capsys.readouterr().out == "delivered 1 entries\ndelivered 0 entries\n"


def test_verifying_an_export_loads_nothing_heavy(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_text("")
    code = (
        "import sys; from lab.cli import main\n"
        f"assert main(['audit', 'verify', '--from-export', {str(file)!r}]) == 1\n"
        "heavy = {'boto3', 'httpx', 'pydantic', 'textual', 'rich', 'lab.settings', 'lab.wiring'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True)
