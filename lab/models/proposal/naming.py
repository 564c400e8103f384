"""What a new model is called: in the registry, as a folder, as a Python package; refused where one of them can't be."""

import keyword
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.base.errors import UsageError
from lab.base.model_id import LONGEST_SLUG, SLUG_RULE, folder_name, is_slug
from lab.base.names import MODEL_RULE, is_model_name

# Windows and its shares keep these for devices, and `pipelines` has the rest itself.
_TAKEN = {"con", "prn", "aux", "nul", "definitions", "test", "tests", "data", "models"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in range(10)
}


@dataclass(frozen=True)
class Names:
    """`registered` is what MLflow's registry knows, `slug` the folder and package below `pipelines/`."""

    registered: str
    slug: str


def names_of(name: str, pipelines: Path, known: Mapping[str, str]) -> Names:
    """The names of a new model; `known` has the registered name of each folder there is.

    Raises UsageError for what can't be a name, or is one already.
    """
    if not is_model_name(name):
        plain = _ascii(name)
        raise UsageError(
            f"{name!r} can't be a model's name: {MODEL_RULE}.",
            f"Take {plain}." if is_model_name(plain) else "Take another.",
        )
    slug = folder_name(name)
    if keyword.iskeyword(slug) or keyword.issoftkeyword(slug) or slug in _TAKEN:
        raise UsageError(f"The folder of {name} would be {slug}, which Python or the lab keeps.", "Take another name.")
    if not is_slug(slug):
        longer = f", longer than {LONGEST_SLUG} characters" if len(slug) > LONGEST_SLUG else ""
        rule = f"It must be {SLUG_RULE}: take another name."
        raise UsageError(f"The folder of {name} would be {slug}{longer}.", rule)
    for folder, registered in known.items():
        if folder == slug or folder_name(registered) == slug:
            says = f"{name} is taken by" if name == registered else f"{name} is too close to {registered},"
            raise UsageError(f"{says} the model in {pipelines / folder}.", "Take another name, or remove that folder.")
    if (pipelines / slug).exists() or (pipelines / f"{slug}.py").exists():
        raise UsageError(f"{pipelines / slug} is there already, and is never overwritten.", "Take another name.")
    return Names(name, slug)


def _ascii(name: str) -> str:
    """The nearest name of letters that the registry, S3 and file systems hold alike."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_-]+", "-", plain).strip("-_").lstrip("0123456789-_")[:100]
