"""A person's own commands: what is asked first, and how they are run. No shell ever sees what they are given."""

import asyncio
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from textual.app import SuspendNotSupported

from lab.base.errors import LabError
from lab.screen.screens.confirm_screen import ConfirmScreen
from lab.screen.user.placeholders import filled, values
from lab.screen.user.user_config import Output, OwnCommand
from lab.views.cells import Line, Span, Tone
from lab.views.formats import clean
from lab.views.view import note

if TYPE_CHECKING:
    from lab.screen.action_app import ActionApp

# Background commands that nobody waits for any more: they are kept from being taken for forgotten.
_GOING_ON: "list[subprocess.Popen[bytes]]" = []
_NOTICE_S = 8.0
Severity = Literal["information", "error"]


class OwnCommands:
    """Runs `commands` for `app`."""

    def __init__(self, app: "ActionApp", commands: Sequence[OwnCommand]) -> None:
        self._app, self._commands = app, commands

    def want(self, number: int, key: str) -> None:
        """Runs a command for the row, after asking what has to be asked."""
        command = self._commands[number]
        try:
            argv = self._argv(command, key)
        except LabError as err:
            self._app.notify(str(err), title=command.title, severity="warning", markup=False)
            return
        if not command.confirm:
            self._run(command, argv)
            return
        body = (*note(f"Runs on this machine, as you, about the lab {clean(self._lab)}:"), (), _shown(argv))

        def answered(said: str | None) -> None:
            if said is not None:
                self._run(command, argv)

        title = self._app.titled(command.title, self._app.lab)
        self._app.push_screen(ConfirmScreen(title, body, False, "Run"), answered)

    @property
    def _lab(self) -> str:
        return self._app.view.snapshot.lab.name

    def _argv(self, command: OwnCommand, key: str) -> list[str]:
        """The command line. Raises LabError."""
        if command.changes and self._app.view.readonly:
            raise LabError("This screen is read-only, and the command changes something.", "changes = false lets it.")
        given = values(command.panel, key, self._app.view)
        if given is None:
            raise LabError("This row has nothing that the command could be about.", "Choose another one.")
        argv = filled(command.argv, given)
        program = shutil.which(str(Path(argv[0]).expanduser()))
        if program is None:
            raise LabError(f"There is no program {clean(argv[0])}.", "Install it, or give its whole path in argv.")
        return [program, *argv[1:]]

    def _run(self, command: OwnCommand, argv: list[str]) -> None:
        match command.output:
            case Output.SCREEN:
                from lab.screen.screens.output_screen import OutputScreen

                self._app.push_screen(OutputScreen(command.title, argv, self._app.key_of("back", "esc")))
            case Output.TERMINAL:
                self._in_terminal(command, argv)
            case Output.NONE:
                self._app.run_worker(self._beside(command, argv), group="own", exit_on_error=False)

    def _in_terminal(self, command: OwnCommand, argv: list[str]) -> None:
        try:
            with self._app.suspend(), _interrupted_alone():
                code = subprocess.run(argv, check=False).returncode
                if code:
                    _let_read(f"ended with {code}; Enter leads back to the screen")
        except SuspendNotSupported:
            said = "There is no terminal to give to it here."
            self._app.notify(said, title=command.title, severity="warning", markup=False)
        except OSError as err:
            self._tell(command, f"can't be started: {err.strerror}", ok=False)
        else:
            self._tell(command, f"ended with {code}", ok=code == 0)

    async def _beside(self, command: OwnCommand, argv: list[str]) -> None:
        """Beside the screen; it goes on when the screen is left."""
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as err:
            self._tell(command, f"can't be started: {err.strerror}", ok=False)
            return
        _GOING_ON.append(process)
        while (code := process.poll()) is None:
            await asyncio.sleep(0.2)
        _GOING_ON.remove(process)
        self._tell(command, f"ended with {code}", ok=code == 0)

    def _tell(self, command: OwnCommand, said: str, ok: bool) -> None:
        level: Severity = "information" if ok else "error"
        self._app.notify(said, title=command.title, severity=level, timeout=_NOTICE_S, markup=False)


def _let_read(said: str) -> None:
    """What a command that failed said would be gone with the screen's return."""
    with suppress(EOFError, KeyboardInterrupt, OSError):
        input(said)


@contextmanager
def _interrupted_alone() -> Iterator[None]:
    """Ctrl-C ends the command that has the terminal, and not the screen, which the terminal tells of it, too."""
    # A handler that does nothing: what is ignored would be ignored by the command as well.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _shown(argv: Sequence[str]) -> Line:
    """The command line as a shell would be told it, so that one can see where each argument ends."""
    words = (shlex.quote(word) if word.isprintable() else ascii(word) for word in argv)
    return (Span("  "), Span(clean(" ".join(words)), Tone.ACCENT))
