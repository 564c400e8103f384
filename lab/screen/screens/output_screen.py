"""What a command of the user's prints, while it runs and after."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import IO, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.message import Message
from textual.screen import Screen

from lab.base.log_lines import Level, level_of
from lab.screen.binding import Binding, BindingType
from lab.screen.failed_work import TellsFailedWork
from lab.screen.widgets.feedpage import FeedPage
from lab.screen.widgets.keybar import KeyBar
from lab.screen.widgets.tabs import Subject, subject
from lab.views.cells import PanelState, PanelView, Span, Tone
from lab.views.feed import KEPT, FeedLine
from lab.views.formats import clean
from lab.views.view import note

# What a program writes to steer a terminal: colours, titles, cursor.
_SEQUENCES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.?")
_CHUNK, _LONGEST_LINE, _END_S = 64 * 1024, 4096, 2.0
# However much a program prints, the screen goes on taking keys.
_REST_S = 0.02


class OutputCame(Message):
    """Lines that the command printed; `code` once it has ended."""

    def __init__(self, lines: Sequence[str], code: int | None = None, problem: str = "") -> None:
        super().__init__()
        self.lines, self.code, self.problem = lines, code, problem


class OutputScreen(TellsFailedWork, Screen[None]):
    """Runs `argv` and shows what it prints; leaving ends it, by a key that is called `leave`."""

    CSS_PATH = Path(__file__).parents[1] / "detail.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,backspace", "back", "Back", key_display="esc")]

    def __init__(self, title: str, argv: Sequence[str], leave: str = "esc") -> None:
        super().__init__()
        self._leave = leave
        self._title, self._argv = title, list(argv)
        self._subject, self._page = Subject(), FeedPage("output", 1)
        self.code: int | None = None
        self.problem = ""

    def compose(self) -> ComposeResult:
        yield self._subject
        yield self._page
        yield KeyBar()

    def on_mount(self) -> None:
        self._page.take_focus()
        self._draw()
        self._work()

    def _draw(self) -> None:
        if self.problem:
            state = Span(self.problem, Tone.BAD)
        elif self.code is None:
            state = Span(f"◐ running; {self._leave} ends it", Tone.ACCENT)
        else:
            state = Span("✓ ended", Tone.OK) if self.code == 0 else Span(f"✗ ended with {self.code}", Tone.BAD)
        self._subject.show(subject(Span(self._title, Tone.STRONG), state, Span(clean(self._argv[0]), Tone.MUTED)))
        said = "It prints nothing so far." if self.code is None and not self.problem else "It printed nothing."
        message = () if len(self._page.feed) else note(said)
        self._page.show(PanelView("Output", state=PanelState.OK, message=message))

    @work(exclusive=True, exit_on_error=False)
    async def _work(self) -> None:
        """Only posts messages; ends the command with the screen."""
        try:
            # Not asyncio's own processes: those can't be waited for once the event loop ends.
            process = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as err:
            self.post_message(OutputCame((), problem=f"✗ can't be started: {err.strerror}"))
            return
        try:
            await self._follow(process.stdout)
            self.post_message(OutputCame((), await asyncio.to_thread(process.wait)))
        finally:
            # A thread of its own, for which leaving waits.
            threading.Thread(target=_end, args=(process,)).start()

    async def _follow(self, pipe: IO[bytes] | None) -> None:
        reader, loop, rest = asyncio.StreamReader(), asyncio.get_running_loop(), b""
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        try:
            while chunk := await reader.read(_CHUNK):
                began = monotonic()
                *whole, rest = (rest + chunk).split(b"\n")
                if len(rest) > _LONGEST_LINE:
                    whole, rest = [*whole, rest], b""
                # More at once than are kept are never shown.
                self.post_message(OutputCame([_line(one) for one in whole[-KEPT:]]))
                await asyncio.sleep(max(_REST_S, 4 * (monotonic() - began)))
        finally:
            transport.close()
        if rest:
            self.post_message(OutputCame([_line(rest)]))

    def on_output_came(self, event: OutputCame) -> None:
        event.stop()
        self.code, self.problem = event.code, event.problem or self.problem
        if event.lines:
            self._page.extend([_feed_line(line) for line in event.lines])
        self._draw()

    def action_back(self) -> None:
        """Leaves; what still runs is ended."""
        self.dismiss(None)


def _line(raw: bytes) -> str:
    return clean(_SEQUENCES.sub("", raw[:_LONGEST_LINE].decode("utf-8", "replace").expandtabs()))


def _feed_line(text: str) -> FeedLine:
    level = level_of(text) or Level.INFO
    tone = {Level.ERROR: Tone.BAD, Level.WARNING: Tone.WARN}.get(level, Tone.PLAIN)
    return FeedLine(level, (Span(text, tone),))


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ends the command and what it started, by force when it has to be."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # The group outlives its first process where that left something behind.
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)
            return
