"""The pictures of the documentation: drawn from a recorded session, the same each time."""

import json
import re

import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from docs import moving, pictures, schema, tape
from docs.dash_tape import DashTape
from lab.observe.snapshot import SliceState
from lab.observe.snapshot_decode import snapshot_from_json
from lab.observe.snapshot_json import snapshot_json
from lab.recording.playback import Recording

ROOT = pictures.ROOT
BY_NAME = {picture.name: picture for picture in pictures.PICTURES}


@pytest.mark.parametrize("name", ["main-80x24", "version-gates", "replay"])
async def test_a_picture_is_the_same_whenever_it_is_drawn(name: str) -> None:
    with Recording(pictures.RECORDING) as recording:
        first = await pictures.drawing(recording, BY_NAME[name])
        second = await pictures.drawing(recording, BY_NAME[name])
    assert first == second
    assert "approved" in first


@pytest.mark.parametrize("picture", pictures.BOARDS, ids=lambda picture: picture.name)
async def test_a_picture_of_a_dashboard_has_answers_to_all_that_it_asks(picture: pictures.BoardPicture) -> None:
    drawn = await pictures.board_drawing(picture, DashTape(pictures.DASH_TAPE))
    assert "isn&#x27;t&#160;on&#160;the&#160;tape" not in drawn
    assert drawn == await pictures.board_drawing(picture, DashTape(pictures.DASH_TAPE))


def test_every_picture_is_in_the_folder_and_shown_or_linked() -> None:
    pages = (ROOT / "docs" / "screen.md", ROOT / "docs" / "dashboards.md", ROOT / "README.md")
    page = "".join(path.read_text() for path in pages)
    shown = set(re.findall(r"images/([\w-]+)\.png", page))
    drawn = {path.stem for path in pictures.IMAGES.glob("*.png")}
    assert drawn == set(BY_NAME) | {one.name for one in pictures.BOARDS}
    assert shown <= drawn


def test_the_moving_picture_has_every_scene_and_is_small() -> None:
    with Image.open(moving.TARGET) as picture:
        assert getattr(picture, "n_frames") == len(moving.STORY)  # noqa: B009 - the stub of an image has none
    assert moving.TARGET.stat().st_size < 600_000


@pytest.mark.parametrize("scene", moving.STORY, ids=lambda scene: scene.said)
async def test_a_scene_shows_a_moment_of_the_session(scene: moving.Scene) -> None:
    picture = pictures.Picture("scene", scene.at, scene.keys, moving.SIZE)
    with Recording(pictures.RECORDING) as recording:
        drawn = await pictures.drawing(recording, picture)
    assert "isn&#x27;t&#160;on&#160;the&#160;tape" not in drawn
    assert "mlops-lab" in drawn


def test_the_committed_session_can_still_be_read_whole() -> None:
    with Recording(pictures.RECORDING) as recording:
        states = {recording.snapshot(index).models.state for index in range(recording.count)}
        assert recording.lost_bytes == 0
        assert len(recording.marks) > 50
    assert {SliceState.OK, SliceState.STALE, SliceState.FAILED} <= states


def test_what_a_real_lab_answered_fits_the_published_schema() -> None:
    validator = Draft202012Validator(json.loads(schema.text("snapshot-schema.json")))
    with Recording(pictures.RECORDING) as recording:
        for index in range(0, recording.count, 40):
            snapshot = recording.snapshot(index)
            document = json.loads(json.dumps(snapshot_json(snapshot)))
            validator.validate(document)
            assert snapshot_from_json(document) == snapshot


def test_what_drill_downs_were_told_can_still_be_read() -> None:
    taped = tape.Tape(pictures.TAPE)
    assert len(taped.answers) >= 10
    for question, answer in taped.answers.items():
        assert tape.read(answer) is not None, question
