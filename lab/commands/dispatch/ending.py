"""How a command ends: errors are explained, signals and a closed pipe told, with the exit code that shells expect."""

import os
import select
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress

from lab.base import interruption
from lab.base.errors import Interrupted, LabError
from lab.base.interruption import PIPE_CLOSED

_UP = ("what was started goes on", "Type `invoke up` to start the rest, `invoke down` to stop everything.")
_TRAIL = "the audit trail says whether it was decided"
_DECIDED = (_TRAIL, "Type `mlops-lab --once` to see it, `invoke reconcile` to compare the registry.")
_KNOWN = (_TRAIL, "Type `invoke identity-list` to see it.")
_AGAIN = ("what was done stays", "Type the same again for the rest.")
# What is left behind, and what to type next, by command; one that changes nothing has no line.
LEFT: Mapping[str, tuple[str, str]] = {
    "up": _UP,
    "restart": _UP,
    "down": ("what was asked to stop does so", "Type `invoke down` to stop the rest, `invoke up` to start all."),
    "demo-run": ("a run that was launched goes on", "Type `mlops-lab` to see it; `invoke open dagster` can stop it."),
    "nuke": ("a part of the lab is gone", "Type `invoke nuke` to remove the rest."),
    "backup": ("no backup was written", "Type `invoke backup` again."),
    "restore": ("the lab may be half restored", "Type `invoke restore FILE` again: it begins anew."),
    "upgrade": ("its backup stays", "Type `invoke upgrade` again: it puts back what was changed, and begins anew."),
    "deploy": (
        "the audit trail says what was planned and applied",
        "Type `invoke deploy --env ENV --plan`: it shows what is still to be done.",
    ),
    "seed": ("data and baseline may be half recorded", "Type the same `invoke seed` again."),
    "build": _AGAIN,
    "bundle": ("no bundle was written", "Type `invoke bundle` again."),
    "approve": _DECIDED,
    "reject": _DECIDED,
    "promote": _DECIDED,
    "archive": _DECIDED,
    **dict.fromkeys(("identity-add", "identity-remove", "identity add", "identity remove"), _KNOWN),
    "verify-governance": ("nothing is proved", "Type it again: it also puts away what this one tried with."),
    "reconcile": _AGAIN,
    "evidence": ("the evidence isn't complete", "Type the same `invoke evidence` again."),
    "audit export": ("the export isn't complete", "Type it again."),
    "audit deliver": ("what wasn't delivered waits in the journal", "Type it again."),
    "audit close": _AGAIN,
}
_lost_reader = False


def lose_reader() -> bool:
    """Whether nobody reads the output any more; what is said goes nowhere then, so that the work can go on."""
    global _lost_reader
    for stream in (sys.stdout, sys.stderr):
        # A test's stream has no descriptor.
        with suppress(OSError, ValueError):
            if _nobody_reads(stream.fileno()):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
                _lost_reader = True
    return _lost_reader


def ended(command: str, work: Callable[[], int | None], own_signals: bool = False) -> int:
    """Does `work` and returns the exit code; `own_signals` where it deals with those itself."""
    global _lost_reader
    _lost_reader = False
    with nullcontext() if own_signals else interruption.watched():
        try:
            code = _done(command, work)
        except SystemExit as err:
            # argparse passes over what it couldn't print of its help.
            if err.code or not (lose_reader() or not _flushed()):
                raise
            code = 0
        _flushed()
    return code or (PIPE_CLOSED if _lost_reader else 0)


def _done(command: str, work: Callable[[], int | None]) -> int:
    try:
        code = work() or 0
        return interruption.exit_code(ended=True) or code
    except LabError as err:
        _explain(err)
        interrupted = isinstance(err, Interrupted)
        return interruption.exit_code(ended=not interrupted) or err.exit_code
    except KeyboardInterrupt:
        if command in LEFT:
            what, remedy = LEFT[command]
            _explain(Interrupted(f"{command} was interrupted: {what}.", remedy))
        return interruption.exit_code(ended=False) or Interrupted.exit_code
    except BrokenPipeError:
        if not lose_reader():
            raise
        return PIPE_CLOSED


def _explain(err: LabError) -> None:
    mark = "" if isinstance(err, Interrupted) else "error: "
    with suppress(OSError):
        sys.stderr.write(f"{mark}{err.message}\n" + (f"  → {err.remedy}\n" if err.remedy else ""))
        sys.stderr.flush()


def _flushed() -> bool:
    """Whether everything that was said has a reader; Python's own flush at exit would fail with a traceback."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        lose_reader()
    return not _lost_reader


def _nobody_reads(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(event & (select.POLLERR | select.POLLHUP | select.POLLNVAL) for _, event in poll.poll(0))
