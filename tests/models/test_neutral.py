"""What the shipped model's contract and data say stands nowhere else: another model is no edit of the lab's code."""

import csv
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.contracts import CONTRACT, MODEL, ROOT

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="only Git knows which files are the project's")

# Where the model is at home, what tells of it, and what was made by others.
_ELSEWHERE = ("pipelines/", "data/", "docs/", "tests/", "README.md", "CHANGELOG.md", "LICENSE", "uv.lock")
# Words of the contract that the lab has meanings of its own for, or that any sentence may have.
_WORDS = frozenset(re.findall(r"\w+", "bad business good job no none others own property purpose repairs stores yes"))


def said() -> set[str]:
    """Every name, column and label of the contract and of the data, but for plain words."""
    columns = CONTRACT.columns.values()
    texts = {CONTRACT.name, MODEL.slug, CONTRACT.owner, CONTRACT.purpose, CONTRACT.target, *CONTRACT.limits}
    texts |= {*CONTRACT.columns, *(label for one in columns for label in one.values)}
    texts |= {one.exempt for one in columns if one.exempt}
    with (ROOT / "data" / "sample_data.csv").open(newline="", encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    labels = {text for row in rows for text in row.values() if not text.isdecimal()}
    return ({*texts, *rows[0], *labels, "credit", "applicant", "creditworthy"}) - _WORDS


def found(texts: set[str]) -> Iterator[str]:
    """Where one of `texts` stands as a word of its own, as path:line: text."""
    words = re.compile(rf"(?<!\w)({'|'.join(re.escape(one) for one in sorted(texts))})(?!\w)", re.IGNORECASE)
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    for name in listed.stdout.decode().splitlines():
        path = ROOT / name
        if name.startswith(_ELSEWHERE) or not path.is_file() or b"\0" in (body := path.read_bytes()):
            continue
        for number, line in enumerate(body.decode().splitlines(), 1):
            if hit := words.search(line):
                yield f"{name}:{number}: {hit[0]}"


def test_nothing_but_the_models_folder_its_data_docs_and_tests_knows_what_it_predicts() -> None:
    texts = said()
    assert len(texts) > 70
    assert [*found(texts)] == []


def test_a_column_that_strays_is_found() -> None:
    assert any(one.startswith("lab/models/listing.py:") for one in found({"contract"}))
