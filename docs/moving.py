"""Makes the README's moving picture from the recorded session: `python docs/moving.py`.

Each scene is the screen at a moment of docs/session, with a line that says what happens. Needs what docs/pictures.py
needs; the same session gives the same picture.
"""

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from docs.pictures import DRIFTED, HUNG, IMAGES, RECORDING, Picture, drawing  # noqa: E402 - as docs/pictures.py
from lab.recording.playback import Recording  # noqa: E402

TARGET = IMAGES / "story.gif"
SIZE, WIDTH_PX, COLOURS = (100, 30), 900, 128
_FONT, _LINE_PX = "Fira Code", 44


@dataclass(frozen=True)
class Scene:
    """A moment, the keys that lead there, what is said above it, and for how long it stands."""

    said: str
    at: str
    keys: tuple[str, ...] = ()
    seconds: float = 3.0


STORY = (
    Scene("./run up demo-run: a governed platform, and a model that trains", "2026-11-29T23:16:20", ("2",)),
    Scene("Each step asks the policy first, and is recorded", DRIFTED, ("2", "enter")),
    Scene(
        "Twelve gates before a version is promoted, by somebody else's SSH key", DRIFTED, ("3", "j", "j", "enter", "4")
    ),
    Scene("The data drifts: an alert, and promotion is closed", DRIFTED, ("5",)),
    Scene("Which feature moved, and by how much", DRIFTED, ("5", "j", "enter")),
    Scene("Who did what: an audit trail that nobody can change unseen", DRIFTED, ("4", "enter")),
    Scene("A server hangs: its panel goes stale, the rest goes on", HUNG, ("3",)),
)


def main() -> None:
    """Draws every scene and writes them as one GIF."""
    frames = asyncio.run(_frames())
    first, *rest = frames
    first.save(
        TARGET,
        save_all=True,
        append_images=rest,
        duration=[round(scene.seconds * 1000) for scene in STORY],
        loop=0,
        optimize=False,
        disposal=1,
    )
    sys.stdout.write(f"{TARGET}: {len(frames)} scenes, {TARGET.stat().st_size / 1e3:.0f} kB\n")


async def _frames() -> list[Image.Image]:
    with Recording(RECORDING) as recording:
        pictures = [Picture(f"scene-{at}", one.at, one.keys, SIZE) for at, one in enumerate(STORY)]
        screens = [_png(await drawing(recording, picture)) for picture in pictures]
    whole = [_with_line(screen, scene.said) for screen, scene in zip(screens, STORY, strict=True)]
    # One palette for all: the parts that stay the same are then the same, and cost nothing.
    strip = Image.new("RGB", (whole[0].width, sum(one.height for one in whole)))
    for at, one in enumerate(whole):
        strip.paste(one, (0, at * one.height))
    palette = strip.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    return [one.quantize(palette=palette, dither=Image.Dither.NONE) for one in whole]


def _with_line(screen: Image.Image, said: str) -> Image.Image:
    line = _png(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_PX}" height="{_LINE_PX}">'
        f'<rect width="100%" height="100%" fill="#101418"/><text x="16" y="29" fill="#ffffff" font-size="19" '
        f'font-family="{_FONT}" font-weight="600">{said}</text></svg>'
    )
    made = Image.new("RGB", (WIDTH_PX, _LINE_PX + screen.height))
    made.paste(line, (0, 0))
    made.paste(screen, (0, _LINE_PX))
    return made


def _png(svg: str) -> Image.Image:
    with NamedTemporaryFile("w", suffix=".svg") as file:
        file.write(svg)
        file.flush()
        argv = ["rsvg-convert", f"--width={WIDTH_PX}", "--format=png", file.name]
        drawn = subprocess.run(argv, check=True, capture_output=True).stdout
    return Image.open(BytesIO(drawn)).convert("RGB")


if __name__ == "__main__":
    main()
