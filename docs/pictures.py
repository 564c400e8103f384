"""Draws the pictures of the screen in docs/images from a recorded session: `python docs/pictures.py`.

The session is docs/session/lab.jsonl.gz; what drill-downs and dashboards were told is beside it. Asked again of a lab
that is up: `python docs/pictures.py tape` for what drill-downs show, `python docs/pictures.py dash` for dashboards.
Needs rsvg-convert and the font Fira Code (Debian: librsvg2-bin, fonts-firacode).
"""

import asyncio
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from tempfile import NamedTemporaryFile

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from textual.pilot import Pilot  # noqa: E402 - run as a file, it must find the packages first

from docs.dash_tape import DashTape, DashTaping  # noqa: E402
from docs.tape import Tape, Taping  # noqa: E402
from lab.commands.dash_commands import Wish, open_board  # noqa: E402
from lab.dashboards.looking import Times  # noqa: E402
from lab.observe.polling import Connection  # noqa: E402
from lab.observe.snapshot import Snapshot  # noqa: E402
from lab.recording.playback import Recording  # noqa: E402
from lab.screen.app import LabApp  # noqa: E402
from lab.screen.dash.dash_app import DashApp  # noqa: E402
from lab.screen.dash.dash_loop import Dashboards  # noqa: E402
from lab.screen.lab_session import LabPlace, LabSession  # noqa: E402
from lab.screen.replay.player import REMEMBERED  # noqa: E402
from lab.screen.replay.replay_app import ReplayApp  # noqa: E402
from lab.screen.user.judging import judge  # noqa: E402
from lab.screen.user.reading import Loaded  # noqa: E402

IMAGES = ROOT / "docs" / "images"
SESSION = ROOT / "docs" / "session"
RECORDING, TAPE = SESSION / "lab.jsonl.gz", SESSION / "details.json.gz"
DASH_TAPE = SESSION / "dashboards.json.gz"
NORMAL = (120, 40)
SETTLE_S = 120.0
# The gates before a promotion load the model in a process of its own.
TAPE_S = 240.0


@dataclass(frozen=True)
class Picture:
    """A moment of the session (UTC), a size, and the keys that lead there; without `replay` no timeline is shown.

    `own` is what a person's own file says; `others` are moments that stand for more labs, by name.
    """

    name: str
    at: str
    keys: Sequence[str] = ()
    size: tuple[int, int] = NORMAL
    replay: bool = False
    own: str = ""
    others: Mapping[str, str] = field(default_factory=dict)


# The session: recorded from before the first `up`, a version brought to production, a second one approved; then the
# data drifts and a third is trained on it; MLflow hangs; the lab is taken down, and started again.
DRIFTED, HUNG, DOWN = "2026-11-29T23:29:00", "2026-11-29T23:21:32", "2026-11-29T23:21:58"
OWN = """
theme = "gruvbox"
start = "runs"
layout = { left = ["runs", "services"], right = ["models", "drift"], widths = [3, 2] }
panels.runs = { columns = ["run", "status", "owner", "took", "steps"], sort = "-took" }
panels.services = { columns = ["name", "state", "memory", "uptime"], height = 12 }
keys = { refresh = "f5" }
[[command]]
key = "ctrl+o"
title = "Tell the owner"
panel = "models"
argv = ["echo", "--to={owner}", "Version {version} of {model} is {approval}."]
"""
PICTURES = (
    Picture("main-120x40", DRIFTED, ["2", "j", "k"]),
    Picture("main-80x24", DRIFTED, size=(80, 24)),
    Picture("main-200x60", DRIFTED, size=(200, 60)),
    Picture("main-running", "2026-11-29T23:16:20", ["2"]),
    Picture("state-stale", HUNG, ["3"]),
    Picture("state-down", DOWN),
    Picture("service-logs", DRIFTED, ["1", "j", "j", "enter", "m"]),
    Picture("service-probes", DRIFTED, ["1", "j", "j", "enter", "2"]),
    Picture("run-steps", DRIFTED, ["2", "enter"]),
    Picture("run-events", DRIFTED, ["2", "enter", "2"]),
    Picture("version-metrics", DRIFTED, ["3", "j", "enter"]),
    Picture("version-gates", DRIFTED, ["3", "j", "j", "enter", "4"]),
    Picture("audit-entry", DRIFTED, ["4", "enter"]),
    Picture("drift", DRIFTED, ["5", "j", "enter"]),
    Picture("alert", DRIFTED, ["5", "enter"]),
    Picture("help", DRIFTED, ["3", "question_mark"]),
    Picture("palette", DRIFTED, ["ctrl+p"]),
    Picture("own-layout", DRIFTED, own=OWN),
    Picture("own-command", DRIFTED, ["3", "j", "ctrl+o"], own=OWN),
    Picture("labs", DRIFTED, others={"staging": HUNG, "eu-west.example.com": DOWN}),
    Picture("replay", "2026-11-29T23:21:35", replay=True),
)


@dataclass(frozen=True)
class BoardPicture:
    """A dashboard with what a lab's Prometheus once answered."""

    name: str
    board: str
    keys: Sequence[str] = ()
    size: tuple[int, int] = NORMAL


BOARDS = (
    BoardPicture("dash-overview", "observability"),
    BoardPicture("dash-drift", "drift"),
    BoardPicture("dash-infrastructure", "infrastructure", size=(200, 60)),
    BoardPicture("dash-narrow", "governance", size=(80, 24)),
    BoardPicture("dash-zoomed", "drift", ["down", "down", "down", "enter"]),
)


class _Session:
    """A lab whose snapshots come from the recording, up to one moment."""

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        self._snapshots = iter(snapshots)

    async def tick(self, _: Snapshot) -> Snapshot:
        found = next(self._snapshots, None)
        if found is None:
            await asyncio.Event().wait()
            raise AssertionError
        return found

    async def aclose(self) -> None:
        """Nothing is open."""


class _Still(LabApp):
    """A screen that tells of nothing: what happens a hundred times as fast is no news."""

    def tell_news(self, before: Snapshot, after: Snapshot, lab: LabSession) -> None:
        """Nothing."""


def screen(recording: Recording, picture: Picture) -> LabApp:
    """The screen as it was at the picture's moment."""
    moment = datetime.fromisoformat(picture.at).replace(tzinfo=UTC)
    if picture.replay:
        app: LabApp = ReplayApp(recording, UTC)
        app.open_details = Tape(TAPE)
        return app
    end = recording.index_at(moment.timestamp())
    *before, last = [recording.snapshot(index) for index in range(max(0, end - REMEMBERED), end + 1)]
    observer = _Session([*before, last])
    return _Still(
        lambda: Connection(observer, last),
        interval_s=0.01,
        clock=lambda: moment,
        open_details=Tape(TAPE),
        name=last.lab.name,
        others=[_place(recording, name, at) for name, at in picture.others.items()],
        user=Loaded(judge(tomllib.loads(picture.own)), Path("screen.toml")) if picture.own else None,
    )


def _place(recording: Recording, name: str, at: str) -> LabPlace:
    """A lab that stands still as the session did at a moment."""
    shot = recording.snapshot(recording.index_at(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()))
    shot = replace(shot, lab=replace(shot.lab, name=name))
    return LabPlace(lambda: Connection(_Session([]), shot), name, readonly=True)


async def drawing(recording: Recording, picture: Picture) -> str:
    """The picture as SVG. Raises TimeoutError when the screen doesn't come to rest."""
    app = screen(recording, picture)
    async with app.run_test(size=picture.size) as pilot:
        await pilot.pause()
        if isinstance(app, ReplayApp):
            app.show_moment(datetime.fromisoformat(picture.at).replace(tzinfo=UTC).timestamp())
        await rest(pilot)
        for key in picture.keys:
            await pilot.press(key)
            await rest(pilot)
        return stable(app.export_screenshot(title="mlops-lab"))


def board(picture: BoardPicture, source: "DashTape | DashTaping") -> DashApp:
    """The dashboard's screen at the moment of its tape."""
    wish = Wish(open_board(ROOT, picture.board), Times("now-15m", "now"), {})
    moment = datetime.fromtimestamp(source.at, UTC)
    return DashApp(Dashboards(lambda: source, ROOT), wish, None, lambda: moment)  # type: ignore[arg-type, return-value]


async def board_drawing(picture: BoardPicture, source: "DashTape | DashTaping") -> str:
    """The picture as SVG. Raises TimeoutError when the screen doesn't come to rest."""
    app = board(picture, source)
    async with app.run_test(size=picture.size) as pilot:
        await rest(pilot)
        for key in picture.keys:
            await pilot.press(key)
            await rest(pilot)
        return dots_in_their_cells(stable(app.export_screenshot(title="mlops-lab dash")))


async def rest(pilot: "Pilot[None]") -> None:
    """Waits until three looks in a row, with everything that waits done between them, show the same."""
    looks = [""]
    async with asyncio.timeout(SETTLE_S):
        while looks[-3:] != [looks[-1]] * 3:
            await pilot.pause(0.15)
            looks.append(stable(pilot.app.export_screenshot()))


def stable(svg: str) -> str:
    """Without the number that Textual makes of the content, and as rsvg-convert reads it: blanks kept."""
    number = re.search(r"terminal-(\d+)-", svg)
    svg = svg.replace(f"terminal-{number[1]}-", "terminal-") if number else svg
    return svg.replace("<svg ", '<svg xml:space="preserve" ', 1) if "xml:space" not in svg else svg


# A piece of a line with Braille dots: its look, where it begins, how long it is, where it is cut off, and its text.
_PIECE = re.compile(
    r'<text class="([\w-]+)" x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)"([^>]*)>([^<]*[\u2801-\u28ff][^<]*)</text>'
)


def dots_in_their_cells(svg: str) -> str:
    """Puts each Braille character into its own place: the fonts that have them aren't as wide as the others."""

    def placed(found: re.Match[str]) -> str:
        look, x, y, length, rest, text = found.groups()
        characters = unescape(text)
        step = float(length) / len(characters)
        return "".join(
            f'<text class="{look}" x="{float(x) + step * at:g}" y="{y}"{rest}>{character}</text>'
            for at, character in enumerate(characters)
            if not character.isspace()
        )

    return _PIECE.sub(placed, svg)


def to_png(svg: str, target: Path) -> None:
    """A picture of few colours: a palette makes the file a third of its size."""
    from PIL import Image

    with NamedTemporaryFile("w", suffix=".svg") as file:
        file.write(svg)
        file.flush()
        subprocess.run(["rsvg-convert", "--width=1600", f"--output={target}", file.name], check=True)  # noqa: S607 - of PATH
    Image.open(target).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(target, optimize=True)


async def draw(names: Sequence[str]) -> None:
    """Writes the pictures of these names, or all."""
    with Recording(RECORDING) as recording:
        for picture in PICTURES:
            if names and picture.name not in names:
                continue
            to_png(await drawing(recording, picture), IMAGES / f"{picture.name}.png")
            sys.stdout.write(f"{picture.name}\n")
    for one in BOARDS:
        if not names or one.name in names:
            to_png(await board_drawing(one, DashTape(DASH_TAPE)), IMAGES / f"{one.name}.png")
            sys.stdout.write(f"{one.name}\n")


async def tape_boards() -> None:
    """Asks the lab that is up, at this moment, everything that the pictures of dashboards show."""
    from lab import wiring

    taping = DashTaping(lambda: wiring.prometheus_data(wiring.load_config()), datetime.now(UTC).timestamp())
    for picture in BOARDS:
        await board_drawing(picture, taping)
        sys.stdout.write(f"{picture.name}: {len(taping.answers)} answers\n")
    taping.save(DASH_TAPE, lambda text: text.replace(str(ROOT), "/home/ada/mlops-lab"))


async def tape(names: Sequence[str]) -> None:
    """Opens in the lab that is up, at this moment, everything that the pictures of these names open, or all."""
    from lab.cli import connect, open_details

    taping = Taping(open_details)
    if names:
        taping.answers = Tape(TAPE).answers
    for picture in PICTURES:
        if "enter" not in picture.keys or (names and picture.name not in names):
            continue
        app = LabApp(connect, readonly=True, open_details=taping)
        async with app.run_test(size=picture.size) as pilot:
            async with asyncio.timeout(60):
                while not app.view.snapshot.models.value or not app.view.snapshot.audit.value:
                    await pilot.pause(0.2)
            async with asyncio.timeout(TAPE_S):
                for key in picture.keys:
                    await pilot.press(key)
                    await pilot.pause(1.0)
                while not taping.settled:
                    await pilot.pause(0.2)
        sys.stdout.write(f"{picture.name}: {len(taping.answers)} answers\n")
    taping.save(TAPE, lambda text: text.replace(str(ROOT), "/home/ada/mlops-lab"))


def main() -> None:
    """Draws, or with `tape` asks again what drill-downs show."""
    if sys.argv[1:2] == ["tape"]:
        asyncio.run(tape(sys.argv[2:]))
    elif sys.argv[1:2] == ["dash"]:
        asyncio.run(tape_boards())
    else:
        asyncio.run(draw(sys.argv[1:]))


if __name__ == "__main__":
    main()
