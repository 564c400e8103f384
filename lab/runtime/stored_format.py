"""Which format a lab's data have: one number for what this project stores, and the versions of what made the databases.

Written beside the data at every start that succeeds; a lab without the file was made before there was one, in format 1.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version

from lab.base.errors import LabError
from lab.base.source_code import code_version
from lab.config import LabConfig
from lab.runtime.layout import write_private

# Raised when something stored gets a shape that earlier code can't read, with a step of `invoke upgrade`.
FORMAT = 1
# What makes and migrates tables of its own in the lab's databases.
OWNERS = ("dagster", "mlflow")
_FILE = "format.json"


@dataclass(frozen=True)
class StoredFormat:
    """`versions` by name of the package that made the tables; `code` what last started the lab."""

    format: int = 1
    versions: Mapping[str, str] = field(default_factory=dict)
    code: str = ""

    @property
    def commit(self) -> str:
        """The commit of that code; empty where it isn't known."""
        first = self.code.split(" ")[0]
        return first.removeprefix("git:").removesuffix("+dirty") if first.startswith("git:") else ""

    def __str__(self) -> str:
        packages = "".join(f", {name} {number}" for name, number in sorted(self.versions.items()))
        return f"format {self.format}{packages}"


def current() -> StoredFormat:
    """What the code at hand writes."""
    return StoredFormat(FORMAT, {name: installed(name) for name in OWNERS})


def recorded(config: LabConfig) -> StoredFormat | None:
    """What the lab's data have; None for one that was last started before this was written down.

    Raises LabError for a file that doesn't say it: to guess could ruin the data.
    """
    path = config.home / _FILE
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        versions = {str(name): str(number) for name, number in raw["versions"].items()}
        return StoredFormat(int(raw["format"]), versions, str(raw["code"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as err:
        raise LabError(
            f"{path} doesn't say which format the lab's data have: {type(err).__name__} {err}.",
            "If this code is what last started the lab, remove the file.",
        ) from None


def versions_of_data(config: LabConfig) -> Mapping[str, str]:
    """Versions by name of what made the tables; empty texts where nobody wrote them down. Raises LabError."""
    had = recorded(config)
    return {name: had.versions.get(name, "") if had else "" for name in OWNERS}


def write(config: LabConfig) -> None:
    """Says that the lab's data have the format of the code at hand."""
    now = replace(current(), code=code_version(config.root))
    write_private(config.home / _FILE, json.dumps(asdict(now), sort_keys=True))


def refuse_other(config: LabConfig) -> None:
    """Raises LabError where the lab's data need an upgrade first, or were upgraded beyond the code at hand."""
    had, now = recorded(config), current()
    if had is None or (had.format, had.versions) == (now.format, now.versions):
        return
    if _newer(had, now):
        commit = had.commit or "its commit"
        raise LabError(
            f"The lab's data have {had}; this code knows {now}.",
            f"Go back to the code that the lab ran with: `git checkout {commit}`, then `./run up`.",
        )
    raise LabError(f"The lab's data have {had}; this code needs {now}. Nothing was changed.", "Type `invoke upgrade`.")


def _newer(had: StoredFormat, now: StoredFormat) -> bool:
    return had.format > now.format or any(
        _numbers(number) > _numbers(now.versions.get(name, "")) for name, number in had.versions.items()
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def installed(package: str) -> str:
    """The version of a package; empty where it isn't installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
