"""What the screen writes about a lab that is up: JSON of a documented form, and recordings without a secret."""

import gzip
import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lab.observe.snapshot import Health, SliceState
from lab.observe.snapshot_decode import snapshot_from_json
from lab.observe.snapshot_json import snapshot_json
from lab.recording.playback import Recording
from tests.support.lab import INVOKE, ROOT, LiveLab
from tests.support.waiting import eventually

pytestmark = pytest.mark.lab


def test_the_printed_snapshot_fits_the_published_schema_and_can_be_read_back(live: LiveLab) -> None:
    def look() -> Any:
        document = json.loads(live.command(sys.executable, "-m", "lab.cli", "--once", "--json").stdout)
        return document if document["overall"] == Health.UP else None

    # What a test before this one stirred may still be settling.
    document = eventually(look, what="a lab that is up")
    schema = json.loads((ROOT / "docs" / "snapshot-schema.json").read_text())
    Draft202012Validator(schema).validate(document)
    snapshot = snapshot_from_json(document)
    assert json.loads(json.dumps(snapshot_json(snapshot))) == document
    assert (snapshot.overall, snapshot.lab.runtime) == (Health.UP, "native")
    assert snapshot.runs.value
    assert snapshot.models.value


def test_the_printed_screen_names_the_lab(live: LiveLab) -> None:
    assert live.config.name in live.command(str(Path(INVOKE).with_name("mlops-lab")), "--once", check=False).stdout


def test_a_recording_shows_the_lab_and_holds_no_secret(live: LiveLab, tmp_path: Path) -> None:
    path = tmp_path / "lab.jsonl.gz"
    live.command(sys.executable, "-m", "lab.cli", "record", str(path), "--refresh", "0.5", "--for", "20s")
    with Recording(path) as recording:
        last = recording.snapshot(recording.count - 1)
        assert recording.count >= 2
    assert last.lab.name == live.config.name
    assert last.services.state is SliceState.OK
    assert last.audit.state is SliceState.OK
    plain = gzip.decompress(path.read_bytes()).decode()
    secrets = live.config.secrets
    for field in fields(secrets):
        value = getattr(secrets, field.name)
        assert value
        assert value not in plain, field.name
