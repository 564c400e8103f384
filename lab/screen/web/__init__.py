"""`mlops-lab serve`: the screen in a browser of this machine, until Ctrl-C."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Sequence

from aiohttp import web

from lab.base.errors import LabError
from lab.screen.web.web_application import LOOPBACK, WebApplication
from lab.screen.web.web_session import END_DEADLINE_S


def serve(port: int, arguments: Sequence[str]) -> int:
    """Serves screens, each `mlops-lab` with `arguments`, until Ctrl-C or SIGTERM; port 0 takes a free one.

    Raises LabError when the port is taken.
    """
    listening = _listen(port)
    door = WebApplication(listening.getsockname()[1], [sys.executable, "-m", "lab.cli", *arguments])
    asyncio.run(_serve(door, listening))
    return 0


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
    except OSError as err:
        listening.close()
        raise LabError(
            f"Can't listen on port {port}: {os.strerror(err.errno or 0)}.", "Name another with --port; 0 takes any."
        ) from None
    return listening


async def _serve(door: WebApplication, listening: socket.socket) -> None:
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    runner = web.AppRunner(door.application(), access_log=None, shutdown_timeout=3 * END_DEADLINE_S)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        sys.stdout.write(f"The screen is at {door.url}\nCtrl-C ends it.\n")
        sys.stdout.flush()
        await over.wait()
    finally:
        await runner.cleanup()
