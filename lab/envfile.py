"""Writing `.env`: the lab's settings at first, and secrets where it has none. What stands in it is never changed."""

import io
import os
import re
import secrets as random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from lab.base.errors import LabError, SettingsError
from lab.base.file_lock import is_at, taken

ROOT = Path(__file__).resolve().parent.parent
SECRETS = (
    *("POSTGRES_PASSWORD", "DAGSTER_DB_PASSWORD", "MLFLOW_DB_PASSWORD"),
    *("S3_ADMIN_SECRET", "S3_PIPELINE_SECRET", "S3_MLFLOW_SECRET", "S3_READER_SECRET", "STORE_JWT_SECRET"),
    *("ALERTMANAGER_PASSWORD", "GRAFANA_ADMIN_PASSWORD", "GRAFANA_SECRET_KEY"),
)
_MADE = "# Made by `invoke up`; `invoke nuke` removes it."
_LOCK_S = 10.0
_LONGEST_NAME = 60
_FORM = "Write NAME=value on a line of its own, and close a quote on the line that opens it."
# What makes a lab this lab: given at the first `invoke up`, it is kept, so that later commands find the same lab.
IDENTITY = ("LAB_NAME", "LAB_HOME", "PORT_OFFSET", "RUNTIME", "OBJECT_STORE")


def env_file(environ: Mapping[str, str] = os.environ) -> Path:
    """`.env` in the project's folder, or the file that LAB_ENV_FILE names."""
    return Path(environ.get("LAB_ENV_FILE") or ROOT / ".env").absolute()


def written_since(path: Path) -> Callable[[], bool]:
    """Whether the file was made, written or removed since this was called."""

    def stamp() -> tuple[int, int, int] | None:
        try:
            found = path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    before = stamp()
    return lambda: stamp() != before


def is_own(path: Path) -> bool:
    """Whether the lab made the file, so that it goes with the lab."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline().strip() == _MADE
    except OSError:
        return False


def written_values(path: Path) -> dict[str, str]:
    """What stands in the file; nothing where there is none. Raises SettingsError naming the line that can't be taken
    in one way only, or when the file can't be read.
    """
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as err:
        raise SettingsError(f"Can't read {path}: {err}.", "Set LAB_ENV_FILE to a file of your own.") from None
    return {binding.key: binding.value or "" for binding in _settings_in(text, path) if binding.key}


def _settings_in(text: str, path: Path) -> list[Binding]:
    """Every piece of the file, comments included; values as they stand: a $ in a name or a path means itself."""
    found = list(parse_stream(io.StringIO(text)))
    lines: dict[str, int] = {}
    for binding in found:
        shown = binding.original.string.strip()
        line = binding.original.line + _line_ends(binding.original.string[: binding.original.string.find(shown)])
        # Passed over, a line would leave in force what it was written to change.
        if binding.error or (binding.key and binding.value is None):
            raise SettingsError(f"{path}, line {line}, can't be read: {_without_value(shown)}.", _FORM)
        if binding.key and _line_ends(shown):
            raise SettingsError(
                f"{path}, line {line}: the quote that {shown_name(binding.key)} opens isn't closed there.", _FORM
            )
        if binding.key in lines:
            raise SettingsError(
                f"{path}, line {line}: {shown_name(binding.key)} stands on line {lines[binding.key]} already.",
                "Keep one of them.",
            )
        if binding.key:
            lines[binding.key] = line
    return found


def shown_name(name: str) -> str:
    """A name as a message may show it: a file holds anything, also what a terminal would obey."""
    short = name[:_LONGEST_NAME]
    return short if short.isprintable() else ascii(short)


def _line_ends(text: str) -> int:
    return len(re.findall(r"\r\n|\n|\r", text))


def _without_value(line: str) -> str:
    """What a message may show of a line, which may hold a secret."""
    name = re.match(r"(?:export\s+)?([A-Za-z_]\w*)\s*=", line)
    return f"the value of {name[1]}" if name else "it isn't NAME=value"


def prepare(environ: Mapping[str, str] = os.environ) -> str:
    """Makes the file (mode 0600) from `.env.example`, or gives one that is there the secrets that it lacks.

    A new file keeps what the environment says of the lab's identity. Returns what was done, empty for nothing. Raises
    LabError when the file can't be written.
    """
    path = env_file(environ)
    try:
        if not path.exists() and _create(path, _first_text(environ)):
            return f"made {path} with new secrets"
        filled = _fill(path, environ)
    except OSError as err:
        raise LabError(
            f"Can't write {path}: {err.strerror}.", "Make the folder writable, or set LAB_ENV_FILE."
        ) from None
    return f"wrote into {path} what had no value: {', '.join(filled)}" if filled else ""


def _first_text(environ: Mapping[str, str]) -> str:
    given = {name: environ[name] for name in IDENTITY if environ.get(name)}
    lines = [_MADE]
    for line in (ROOT / ".env.example").read_text().splitlines():
        name = line.partition("=")[0]
        if name in SECRETS:
            line = f"{name}={_new_secret()}"
        elif name in given:
            line = f"{name}={_quoted(given[name])}"
        lines.append(line)
    return "\n".join(lines) + "\n"


def _new_secret() -> str:
    return random.token_urlsafe(24)


def _create(path: Path, text: str) -> bool:
    """Writes a new file that is seen whole or not at all; False when there is one already."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=f"{path.name}.") as file:
        file.write(text)
        file.flush()
        try:
            # Of two first calls at once one makes the file, and the other finds all secrets in it.
            os.link(file.name, path)
        except FileExistsError:
            return False
    return True


def _fill(path: Path, environ: Mapping[str, str]) -> list[str]:
    """Adds secrets that neither the file nor the environment has; an empty one could be guessed by anybody."""
    if not _missing(path, environ):
        return []
    with _locked(path):
        missing = _missing(path, environ)
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read()
        for name in missing:
            text = _with_secret(text, name, path)
        if missing:
            _replace(path, text)
    return missing


def _with_secret(text: str, name: str, path: Path) -> str:
    """`text` with a new secret where `name` stands without a value, else at its end."""
    line = f"{name}={_new_secret()}"
    pieces = [(binding.key, binding.original.string) for binding in _settings_in(text, path)]
    if all(key != name for key, _ in pieces):
        return text + f"{'' if text.endswith(chr(10)) or not text else chr(10)}{line}\n"
    around = re.compile(r"\A(?P<front>\s*)\S.*?(?P<comment>\s+#[^\r\n]*)?(?P<end>[\r\n]*)\Z", re.DOTALL)
    return "".join(
        around.sub(lambda found: f"{found['front']}{line}{found['comment'] or ''}{found['end']}", piece)
        if key == name
        else piece
        for key, piece in pieces
    )


def _missing(path: Path, environ: Mapping[str, str]) -> list[str]:
    written = written_values(path)
    return [name for name in SECRETS if not (environ.get(name) or written.get(name))]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds the file against another call that would fill it. Raises LabError when that one doesn't end."""
    end = time.monotonic() + _LOCK_S
    while True:
        with path.open("rb") as file:
            # Another call may have had it, and put another file in its place.
            if taken(file) and is_at(file, path):
                yield
                return
        if time.monotonic() > end:
            raise LabError(f"Another command holds {path}.", "End it, then try again.")
        time.sleep(0.05)


def _replace(path: Path, text: str) -> None:
    """Writes an existing file anew (mode 0600, as secrets want), seen whole before or after; through a link."""
    target = path.resolve()
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", dir=target.parent, delete=False) as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(target)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _quoted(value: str) -> str:
    """A value as `.env` holds it."""
    if re.fullmatch(r"[\w./:@,+~-]*", value, re.ASCII):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
