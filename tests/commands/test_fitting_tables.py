"""Tables in a narrow terminal: what a person copies out of them is whole."""

import io

import pytest
from rich.console import Console

from lab.commands.fitting_tables import print_fitting
from lab.commands.printing import new_table

RUN = "3529cf83-65ba-4e2e-8bf8-4ec5c1d09897"
PATH = "/home/ada/a/rather/deep/folder/of/somebody/who/likes/folders/mlops-lab/.venv/bin/python"


def drawn(width: int, *rows: tuple[str, ...]) -> str:
    out = io.StringIO()
    table = new_table("service", "address", "why not up")
    for row in rows:
        table.add_row(*row)
    print_fitting(Console(file=out, width=width), table)
    return out.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_no_word_is_broken_however_narrow_it_is(width: int) -> None:
    text = drawn(
        width, ("governance-metrics", "postgresql://127.0.0.1:18532", f"run {RUN} holds it up"), ("a", "b", PATH)
    )
    for word in ("governance-metrics", "postgresql://127.0.0.1:18532", RUN, PATH):
        assert word in text, text


def test_prose_is_broken_between_words() -> None:
    text = drawn(60, ("mlflow", "http://127.0.0.1:5000", "it does not answer, and nobody knows why that may be so"))
    assert max(map(len, text.splitlines())) <= 60
    assert "http://127.0.0.1:5000" in text
    assert len(text.splitlines()) > 2


def test_what_cannot_stand_side_by_side_becomes_a_list() -> None:
    lines = drawn(80, ("python", "", PATH), ("ports", "", "")).splitlines()
    assert lines == ["python", f"  why not up: {PATH}", "ports"]


def test_a_cell_with_markup_is_measured_as_it_is_shown() -> None:
    assert drawn(80, ("[green]● up[/]", "a", "b")).splitlines()[1].split() == ["●", "up", "a", "b"]
