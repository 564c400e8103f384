"""The errors that front ends catch: every one says what happened and what to do next."""


class LabError(Exception):
    """Base of all expected failures.

    `remedy` is one imperative sentence, or a command to type, that a user can act on.
    """

    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class UsageError(LabError):
    """The command line or a setting can't be understood."""

    exit_code = 2


class Interrupted(LabError):
    """A signal ended the command; the message says what goes on without it."""

    exit_code = 130


class SettingsError(LabError):
    """A variable in the environment or `.env` is unknown or has a value that isn't allowed."""


class ClaimRefused(SettingsError):
    """Owner, role or environment of the settings aren't what the lab knows."""


class ServiceUnavailable(LabError):
    """A service didn't answer, or answered with something that isn't its protocol."""


class NotFound(LabError):
    """The thing asked for doesn't exist."""


class StartupFailed(LabError):
    """A service didn't become healthy in time."""


class RunFailed(LabError):
    """A pipeline run ended without success."""


class PolicyDenied(LabError):
    """The policy refused the action."""


class SignatureInvalid(LabError):
    """A signature can't be made, or doesn't prove what it should."""


class DatasetInvalid(LabError):
    """A data set can't be used; the message names every rule it broke."""


class LedgerError(LabError):
    """The audit trail can't be written, read or trusted."""


def told(err: BaseException) -> str:
    """What an error that isn't ours says, on one line behind its kind: somebody's code may raise one without a word."""
    kind, said = type(err).__name__, " ".join(str(err).split())
    return f"{kind}: {said}" if said else without_message(kind)


def without_message(kind: str) -> str:
    """How an error reads of which only the kind is known."""
    return f"{kind}, without a message"
