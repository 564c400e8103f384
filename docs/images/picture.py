"""Takes the README's picture of the screen from the lab that is up: `python docs/images/picture.py [WIDTH HEIGHT]`.

Needs rsvg-convert and the font Fira Code (Debian: librsvg2-bin, fonts-firacode).
"""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from lab.cli import connect  # noqa: E402 - run as a file, it must find the package first
from lab.core.snapshot import SliceState  # noqa: E402
from lab.tui.app import LabApp  # noqa: E402

DEADLINE_S = 30.0
# Long enough for the small graphs of probes to have a shape.
WATCH_S = 40.0


async def drawing(width: int, height: int) -> str:
    """The screen as SVG, after every source has answered. Raises TimeoutError."""
    app = LabApp(connect)
    async with app.run_test(size=(width, height)) as pilot:
        async with asyncio.timeout(DEADLINE_S):
            while not complete(app):
                await pilot.pause(0.2)
        await pilot.pause(WATCH_S)
        return app.export_screenshot(title="mlops-lab")


def complete(app: LabApp) -> bool:
    """Whether every part has something to show."""
    now = app.view.snapshot
    parts = (now.services, now.runs, now.models, now.audit, now.drift, now.alerts)
    return all(part.state is SliceState.OK for part in parts)


def main() -> None:
    """Writes dashboard.png beside this file."""
    width, height = map(int, sys.argv[1:3] or ("150", "44"))
    target = Path(__file__).with_name("dashboard.png")
    with tempfile.NamedTemporaryFile("w", suffix=".svg") as file:
        # Without this, rsvg-convert moves text that begins with a space.
        file.write(asyncio.run(drawing(width, height)).replace("<svg ", '<svg xml:space="preserve" ', 1))
        file.flush()
        subprocess.run(["rsvg-convert", "--width=1600", f"--output={target}", file.name], check=True)  # noqa: S607 - of PATH
    # A terminal has few colours: a palette makes the file a third of its size.
    Image.open(target).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(target, optimize=True)


if __name__ == "__main__":
    main()
