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
        ("target: left", "target: gone", 6, "target: 'gone' is none of the columns"),
        ("target: left", "targett: left", 6, "targett: there is no such field"),
        ('positive: "yes"', "positive: maybe", 7, "positive: 'maybe' is none of the target's values"),
        ('positive: "yes"\n', "", 5, "task: a binary task needs positive"),
        ("left: {type: category, values:", "left: {type: category, nullable: true, values:", 13, "neither nullable"),
        ("task: binary", "task: multiclass", 13, "columns.left: the target of a multiclass task"),
        ("owner: ann", "owner: ann\nprimary: rmse", 4, "primary: 'rmse' is no metric of a binary task"),
        ("owner: ann", "owner: ann\nmargins: {rmse: '1'}", 4, "margins.rmse: 'rmse' is no metric"),
        ("owner: ann", "owner: ann\nfairness: {measure: error_ratio}", 4, "fairness.measure: 'error_ratio'"),
        ("owner: ann", "owner: ann\nsplit: {by: time, column: plan}", 4, "split.column: 'plan' is no date"),
        ('positive: "yes"', "positive: yes", 7, "positive: True is no text: write it in quotes"),
        ("owner: ann", "owner: ann\nsplit: time", 4, "split: what belongs here are lines of"),
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


@pytest.mark.parametrize(
    ("before", "after", "remedy"),
    [
        ("target: left", "target: lft", "Did you mean left? Name one of: months, plan, left."),
        ("target: left", "targett: left", "Did you mean target? Known are: version, name,"),
        ('positive: "yes"', "positive: yess", "Did you mean yes? Name one of: no, yes."),
        ("owner: ann", "owner: ann\nprimary: auk", "Did you mean auc? Known are: auc,"),
        ("owner: ann", "owner: ann\nmetrics: [auc]\nprimary: f1", "Add it to metrics, or name one of them: auc."),
        ("min: 0", "mini: 0", "Did you mean min? Known are: type, min, max,"),
        ("min: 0", "min: low", "min is: lowest value that a number may have."),
        ("owner: ann", "owner: ann\nsplit: {by: luck}", "by is: stratified: each class"),
        ("owner: ann", "owner: ann\nparameters: {a: [1]}", "parameters is: what `fit` is given."),
    ],
)
def test_a_mistake_comes_with_what_is_right(
    refused: Callable[[str], SettingsError], before: str, after: str, remedy: str
) -> None:
    assert before in SMALL
    assert refused(SMALL.replace(before, after, 1)).remedy.startswith(remedy)


def test_of_very_many_columns_a_few_are_named(refused: Callable[[str], SettingsError]) -> None:
    columns = "".join(f"  c{number}: {{type: number}}\n" for number in range(300))
    err = refused(SMALL.replace("target: left", "target: gone").replace("columns:\n", f"columns:\n{columns}"))
    assert err.remedy.endswith("and 291 more.")


@pytest.mark.parametrize("text", ["", "[]", "a", "42", "\x00", "columns: {a: &x [*x]}", "? [a]\n: b", "[" * 5000])
def test_what_is_no_contract_at_all_is_refused(refused: Callable[[str], SettingsError], text: str) -> None:
    refused(text)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(SettingsError, match="no YAML"):
        read_contract(tmp_path / "model.yaml")


OTHER = """\
version: 1
name: Sales
owner: ann
purpose: What is sold.
task: regression
target: amount
columns:
  day: {type: date, earliest: 2020-01-01}
  "store's \\"name\\" ü": {type: text, nullable: true}
  age: {type: number, protected: true}
  code: {type: text, unused: an id}
  class: {type: category, values: [a, b, c]}
  amount: {type: number}
split: {by: time, column: day}
"""


def test_each_kind_of_column_has_its_place(tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text(OTHER, encoding="utf-8")
    contract = read_contract(tmp_path / "model.yaml")
    assert contract.features == ("day", 'store\'s "name" ü', "class")
    assert (contract.dates, contract.categorical, contract.numeric) == (("day",), ("class",), ())
    assert (contract.judged, contract.decisive) == (("rmse", "mae", "r2"), "rmse")
    assert "code" not in contract.used
    assert "age" in contract.used
    numbers, labels, readings = contract.profiled
    assert (numbers, labels) == (("day", 'store\'s "name" ü', "amount"), ("class",))
    assert {name: str(how) for name, how in readings.items()} == {"day": "date", 'store\'s "name" ü': "length"}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("by: time, column: day", "by: stratified", "can't be stratified"),
        ("by: time, column: day", "by: time", "a split by time needs column"),
        ("column: day", "column: class", "split.column: 'class' is no date or number"),
        ("column: day", "column: code", "split.column: 'code' is no"),
        ("task: regression", "task: multiclass", "a category of three values or more, and 'amount' is not"),
        ("task: regression", "task: regression\npositive: a", "positive belongs to a binary task"),
        ("task: regression", "task: regression\nmetrics: [auc]", "'auc' is no metric of a regression task"),
        ("task: regression", "task: regression\nmetrics: [mae, mae]", "metrics names one twice"),
        ("task: regression", "task: regression\nmetrics: [mae]\nprimary: rmse", "none of the metrics"),
        ("task: regression", "task: regression\nfairness: {measure: accuracy}", "doesn't fit a regression"),
        ("task: regression", "task: regression\nmargins: {auc: '0.1'}", "'auc' is no metric of a regression task"),
        ("task: regression", "task: regression\nmargins: {rmse: little}", "'little' is no margin"),
        ("task: regression", "task: regression\nschedule: daily", "five fields as cron has them"),
        ("task: regression", "task: regression\nschedule: 99 * * * *", "minute is from 0 to 59, not 99"),
        ("task: regression", "task: regression\nschedule: 0 0 30 2 *", "no month has such a day"),
        ("task: regression", "task: regression\nrisk_tier: huge", "risk_tier"),
        ("amount: {type: number}", "amount: {type: number, nullable: true}", "neither nullable nor unused"),
        ("type: date, earliest: 2020-01-01", "type: date, min: 3", "a date has no min and max"),
        ("earliest: 2020-01-01", "earliest: 2020-01-01, latest: 2019-01-01", "is after latest"),
        ("values: [a, b, c]", "values: [a, '']", "an empty label is a missing value"),
        ("unused: an id", "exempt: why", "this one isn't protected"),
        ("protected: true", "protected: true, exempt: x, unused: y", "unused or exempt, not both"),
    ],
)
def test_what_does_not_fit_together_is_said(
    refused: Callable[[str], SettingsError], before: str, after: str, said: str
) -> None:
    assert before in OTHER
    assert said in refused(OTHER.replace(before, after, 1)).message


def test_a_model_that_is_given_nothing_is_refused(refused: Callable[[str], SettingsError]) -> None:
    text = SMALL.replace("min: 0", "protected: true").replace('["a", "b"]', '["a", "b"]\n    unused: "no"')
    assert "the model is given no column" in refused(text).message


def test_an_exemption_makes_a_protected_column_a_feature(tmp_path: Path) -> None:
    text = OTHER.replace("protected: true", "protected: true, exempt: the tariff asks for it")
    (tmp_path / "model.yaml").write_text(text, encoding="utf-8")
    assert "age" in read_contract(tmp_path / "model.yaml").features


def test_the_shipped_contract_says_why_it_uses_protected_columns() -> None:
    assert set(CONTRACT.protected) < set(CONTRACT.features)
    assert all(CONTRACT.columns[name].exempt for name in CONTRACT.protected)
    assert CONTRACT.risk_tier == "high"
