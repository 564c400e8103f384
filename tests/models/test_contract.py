"""A contract is read whole or refused with file, line and remedy."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from docs import schema
from lab.base.errors import SettingsError
from lab.models.model_folder import read_contract
from tests.support.contracts import CONTRACT, ROOT

TEXT = (ROOT / "pipelines" / "credit_risk" / "model.yaml").read_text()
SMALL = """\
version: 1
name: Churn
owner: ann
purpose: Who leaves.
task: binary
target: left
positive: "yes"
columns:
  months: {type: number, min: 0}
  plan:
    type: category
    values: ["a", "b"]
  left: {type: category, values: ["no", "yes"]}
"""


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[str], SettingsError]:
    def refuse(text: str) -> SettingsError:
        path = tmp_path / "model.yaml"
        path.write_text(text)
        with pytest.raises(SettingsError) as caught:
            read_contract(path)
        assert str(path) in caught.value.message
        assert caught.value.remedy
        return caught.value

    return refuse


def test_the_shipped_contract_covers_every_column_of_the_shipped_data() -> None:
    header = (ROOT / "data" / "sample_data.csv").read_text().partition("\n")[0].split(",")
    assert sorted(CONTRACT.columns) == sorted(header)
    assert (CONTRACT.negative, CONTRACT.positive) == ("good", "bad")
    assert CONTRACT.profiled[1][-1] == CONTRACT.target


def test_editors_know_the_contract() -> None:
    """The shipped contract names the schema in its first line, and keeps it."""
    path = ROOT / "docs" / "model-schema.json"
    assert path.read_text() == schema.text(path.name), "type `python docs/schema.py`"
    folder = ROOT / "pipelines" / "credit_risk"
    named = TEXT.partition("\n")[0].removeprefix("# yaml-language-server: $schema=")
    assert (folder / named).resolve() == path
    Draft202012Validator(json.loads(path.read_text())).validate(yaml.safe_load(TEXT))


def test_features_keep_the_contracts_order(tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text(SMALL)
    contract = read_contract(tmp_path / "model.yaml")
    assert (contract.numeric, contract.categorical) == (("months",), ("plan",))
    assert contract.features == ("months", "plan")


@pytest.mark.parametrize(
    ("before", "after", "line", "said"),
    [
        ("version: 1", "version: 2", 1, "version"),
        ("name: Churn", "name: 1 Churn", 2, "must be a letter"),
        ("name: Churn", "name: a/../b", 2, "must be a letter"),
        ("task: binary", "task: ternary", 5, "binary"),
        ("target: left", "target: gone", 1, "'gone' is none of the columns"),
        ('positive: "yes"', "positive: maybe", 1, "none of the target's values"),
        ('["no", "yes"]', "[no, yes]", 13, "False is no text: write it in quotes"),
        ("min: 0", "min: 0, max: -1", 9, "min 0 is above max -1"),
        ("min: 0", "values: [a, b]", 9, "a number has no values"),
        ('["a", "b"]', '["a", "a"]', 10, "at least two values, each once"),
        ("type: number", "type: decimal", 9, "columns.months.type"),
        ("min: 0", "mini: 0", 9, "columns.months.mini"),
        ("owner: ann\n", "", 1, "owner: field required"),
        ("owner: ann", "owner: ann\nowner: bob", 4, "owner is there twice"),
        ("columns:", "columns: [", 1, "is no YAML"),
        ("task: binary", "task: binary\nwarmth: 3", 6, "warmth"),
    ],
)
def test_a_mistake_is_named_with_its_line(
    refused: Callable[[str], SettingsError], before: str, after: str, line: int, said: str
) -> None:
    assert before in SMALL
    err = refused(SMALL.replace(before, after, 1))
    assert said in err.message
    if "no YAML" not in said:
        assert f"line {line}:" in err.message


@pytest.mark.parametrize("text", ["", "[]", "a", "42", "\x00", "columns: {a: &x [*x]}", "? [a]\n: b", "[" * 5000])
def test_what_is_no_contract_at_all_is_refused(refused: Callable[[str], SettingsError], text: str) -> None:
    refused(text)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(SettingsError, match="no YAML"):
        read_contract(tmp_path / "model.yaml")
