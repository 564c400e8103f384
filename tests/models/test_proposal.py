"""`new-model`: what it finds in data, and what it leaves to a person."""

import ast
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lab.base.errors import LabError
from lab.models.metrics import Task
from lab.models.proposal.people import likelihood
from lab.models.proposal.proposing import propose
from tests.models.proposals import Propose, contract_of, says
from tests.support import datasets
from tests.support.contracts import ROOT


def test_ids_constants_and_people_are_no_features(proposed: Propose) -> None:
    made = proposed(datasets.churn(), "left")
    contract = contract_of(made)
    assert contract.features == ("months", "monthly", "plan", "last call")
    assert contract.protected == ("gender", "age")
    assert "an id" in contract.columns["customer_id"].unused
    assert "every cell is 'NL'" in contract.columns["country"].unused
    assert contract.columns["monthly"].nullable
    assert not contract.columns["months"].nullable
    assert (contract.task, contract.positive) == (Task.BINARY, "yes")
    assert "certain" in says(made, "gender")


@pytest.mark.parametrize(
    ("leak", "kind"),
    [
        (lambda left: np.where(left == "yes", "2024-03-01", ""), "whether it is there"),
        (lambda left: np.where(left == "yes", 7, 3), "a code of it"),
        (lambda left: (left == "yes") * 5.0 + np.random.default_rng(0).random(len(left)), "a number behind it"),
    ],
)
def test_a_column_that_gives_the_target_away_is_left_out(leak: Any, kind: str, proposed: Propose) -> None:
    frame = datasets.churn()
    made = proposed(frame.assign(closed=leak(frame["left"].to_numpy())), "left")
    assert "gives the target away" in contract_of(made).columns["closed"].unused, kind
    assert "left out" in says(made, "closed")


def test_a_day_that_never_comes_is_a_day(proposed: Propose) -> None:
    """9999-12-31 is what many write for "until further notice"; nanoseconds end in 2262."""
    frame = datasets.churn().assign(until=lambda all_: np.where(all_.index % 3, "9999-12-31", "0001-01-01"))
    made = proposed(frame, "left")
    assert contract_of(made).columns["until"].type == "date"
    code: dict[str, Any] = {}
    exec(made.files["train.py"], code)
    days = code["calendar"](pd.DataFrame({"until": ["9999-12-31", "0001-01-01", "2024-01-05T12:00:00Z", None]}))
    assert days["until day"].head(3).tolist() == [2932896.0, -719162.0, 19727.5]
    assert days["until day"].isna().tolist() == [False, False, False, True]


def test_numbers_with_a_unit_are_told(proposed: Propose) -> None:
    frame = datasets.churn()
    frame["price"] = [f"{'€$'[number % 2]} {number * 37.5:,.2f}" for number in range(len(frame))]
    frame["share"] = [f"{number} %" for number in np.arange(len(frame)) / 8]
    frame["plate"] = [f"K-{number}" for number in np.arange(len(frame)) // 2]
    made = proposed(frame, "left")
    assert "numbers with a unit, '€ 0.00' for instance" in says(made, "price")
    assert contract_of(made).columns["share"].type == "number"
    assert "share: the sign % left out" in made.changes
    assert "numbers with a unit" not in says(made, "plate")


@pytest.mark.parametrize(
    ("form", "first"),
    [
        ("%d/%m/%Y %H:%M", "2020-01-31T07:30:00"),
        ("%d.%m.%Y %H:%M:%S", "2020-01-31T07:30:00"),
        ("%d %B %Y", "2020-01-31"),
        ("%d-%b-%Y", "2020-01-31"),
        ("%B %d, %Y", "2020-01-31"),
    ],
)
def test_dates_of_any_plain_form_are_read(form: str, first: str, proposed: Propose, project: Path) -> None:
    frame = datasets.churn()
    days = pd.Timestamp("2020-01-31 07:30") + pd.to_timedelta(np.arange(len(frame)) // 2, unit="D")
    made = proposed(frame.assign(since=days.strftime(form)), "left")
    assert contract_of(made).columns["since"].type == "date"
    assert pd.read_csv(project / made.data)["since"][0] == first
    assert f"since: dates read as {form}" in made.changes


def test_dates_that_may_be_read_in_two_ways_are_told(proposed: Propose) -> None:
    frame = datasets.churn()
    frame["since"] = [f"{1 + row % 12:02}/{1 + row // 12 % 12:02}/{2015 + row % 9}" for row in range(len(frame))]
    made = proposed(frame, "left")
    assert contract_of(made).columns["since"].type == "text"
    assert "dates in a form that isn't plain, '01/01/2015' for instance: write them as 2024-01-31" in says(
        made, "since"
    )


def test_rows_that_are_there_again_are_told(proposed: Propose) -> None:
    once = datasets.churn().drop(columns="customer_id")
    assert "repeat" not in says(proposed(once, "left"), "left")
    said = says(proposed(pd.concat([once, once]), "left", "Model2"), "left")
    assert f"{len(once):,} of the first {2 * len(once):,} rows repeat one before them" in said
    assert "metrics on held-out rows are too good" in said


def test_a_copy_of_a_number_is_a_leak_and_a_strong_feature_is_none(proposed: Propose) -> None:
    frame = datasets.sales()
    made = proposed(frame.assign(cents=(frame["amount"] * 100).round(), half=frame["celsius"] * 2), "amount")
    contract = contract_of(made)
    assert contract.columns["cents"].unused
    assert set(contract.features) == {"day", "store", "celsius", "half"}


@pytest.mark.parametrize("name", datasets.NAMES)
def test_every_proposal_is_formatted_and_free_of_faults(name: str, project: Path, tmp_path: Path) -> None:
    data, target = datasets.written(name, tmp_path)
    made = propose(project, name, data, target)
    for command in (["check"], ["format", "--check"]):
        argv = [sys.executable, "-m", "ruff", *command, "--config", str(ROOT / "pyproject.toml"), str(made.folder)]
        # Rules of the project by path don't hold for a folder elsewhere.
        argv += ["--ignore", "S101"] if command == ["check"] else []
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    assert {path.name for path in made.folder.iterdir()} == {"model.yaml", "train.py", "test_model.py"}
    assert list(contract_of(made).columns)[-1] == target


def test_labels_that_a_person_reads_as_one_are_shown(proposed: Propose) -> None:
    frame = datasets.five_classes()
    made = proposed(frame.assign(kind=np.where(np.arange(len(frame)) % 2, "Yes", "yes ")), "class")
    assert "spaces or case alone: 'Yes', 'yes '" in says(made, "kind")


def test_what_keeps_a_column_from_being_numbers_is_shown(proposed: Propose) -> None:
    frame = datasets.five_classes()
    odd = frame["width"].round(3).astype(str).mask(np.arange(len(frame)) == 9, "about 3")
    made = proposed(frame.assign(width=odd), "class")
    assert "'about 3' not" in says(made, "width")


def test_a_target_of_more_digits_than_a_number_holds_is_told(proposed: Propose) -> None:
    frame = datasets.sales()
    with pytest.raises(LabError, match="no computer's number holds exactly"):
        proposed(frame.assign(amount=[f"{10**20 + 7 * place}" for place in range(len(frame))]), "amount")


def test_an_id_is_known_among_many_rows_and_a_late_odd_cell_changes_nothing_else(
    proposed: Propose, project: Path
) -> None:
    """Beyond the rows that are read at once, and the distinct cells that are kept of a column."""
    rows = 150_000
    frame = pd.DataFrame(
        {
            "reference": [f"r{place * 7919:x}" for place in range(rows)],
            "day": [f"{place % 28 + 1}.{place % 12 + 1}.{1900 + place % 120}" for place in range(rows - 1)] + ["NULL"],
            "size": np.arange(rows) % 977 / 7,
            "y": np.where(np.arange(rows) % 3, "a", "b"),
        }
    )
    said: list[str] = []
    made = proposed(frame, "y", say=said.append)
    contract = contract_of(made)
    assert "an id" in contract.columns["reference"].unused
    assert made.changes == ("day: dates read as %d.%m.%Y; 'NULL' is a missing value",)
    assert contract.columns["day"].nullable
    assert (project / made.data).read_text().splitlines()[-1].split(",")[1] == ""


def few(rows: int) -> pd.DataFrame:
    return datasets.five_classes(rows)


@pytest.mark.parametrize(
    ("frame", "target", "said"),
    [
        (few(60), "class", "has 60 rows, and 100 are the fewest"),
        (
            few(700).assign(**{"class": lambda f: f["class"].mask(np.arange(700) % 33 == 0)}),
            "class",
            "3.1 % of the rows",
        ),
        (few(6000).assign(label=[f"l{n % 60}" for n in range(6000)]), "label", "has 60 classes, and 50 are the most"),
        (
            few(700).assign(label=lambda f: ["rare"] * 5 + ["a", "b"] * 347 + ["a"]),
            "label",
            "'rare' has fewer than 20 rows",
        ),
        (few(700).assign(stars=[n % 15 for n in range(700)]), "stars", "may be classes or amounts"),
        (few(700).assign(same="x"), "same", "Every row has the same 'same'"),
        (few(700), "klass", "Did you mean 'class'?"),
        (few(700)[["class"]].assign(id=range(700)), "class", "Nothing is left to predict"),
        (datasets.sales()[["day", "amount"]], "amount", "dates, and a row's date alone is no forecast"),
    ],
)
def test_what_a_person_must_decide_is_one_sentence_and_writes_nothing(
    frame: pd.DataFrame, target: str, said: str, proposed: Propose, project: Path
) -> None:
    with pytest.raises(LabError) as told:
        proposed(frame, target)
    assert said in told.value.message
    assert told.value.remedy
    assert told.value.exit_code == 1
    assert list((project / "pipelines").iterdir()) == []
    assert not (project / "data").exists()


def test_a_count_with_values_that_few_rows_have_may_be_an_amount(proposed: Propose) -> None:
    with pytest.raises(LabError, match=r"'7' has fewer than 20 rows\..*say --task regression"):
        proposed(few(700).assign(count=[7 if n == 3 else n % 7 for n in range(700)]), "count")


@pytest.mark.parametrize(
    ("name", "sure"),
    [
        ("Geschlecht", "certain"),
        ("customerGender", "certain"),
        ("AGE", "certain"),
        ("fecha_nacimiento", "certain"),
        ("nationalité", "certain"),
        ("place of birth", "likely"),
        ("foreign_worker", "likely"),
        ("page", ""),
        ("average", ""),
        ("message_count", ""),
        ("storage", ""),
    ],
)
def test_columns_of_people_are_known_by_their_words(name: str, sure: str) -> None:
    assert likelihood(name) == sure


def test_the_command_prints_one_document(tmp_path: Path) -> None:
    datasets.sales().to_csv(tmp_path / "s.csv", index=False)
    argv: Sequence[str] = ["new-model", "TrySales", "--data", str(tmp_path / "s.csv"), "--target", "amount"]
    done = subprocess.run(
        [sys.executable, "-m", "invoke", *argv, "--dry-run", "--json"], cwd=ROOT, capture_output=True, check=True
    )
    found = json.loads(done.stdout)
    assert (found["task"], found["rows"], found["written"]) == ("regression", 600, False)
    assert not (ROOT / "pipelines" / "try_sales").exists()


@pytest.mark.parametrize("name", ['urteil "gut" o\'der nicht', 'it\'s "x" \\n', "''\"", "'", 'a"b'])
def test_code_names_the_target_as_the_data_does(name: str, proposed: Propose) -> None:
    made = proposed(datasets.sales().rename(columns={"amount": name}), name)
    line = next(line for line in made.files["train.py"].splitlines() if line.startswith("TARGET = "))
    assert ast.literal_eval(line.partition(" = ")[2]) == name
    assert contract_of(made).target == name


def test_days_in_a_form_that_is_not_plain_are_no_ids(proposed: Propose) -> None:
    frame = datasets.five_classes()
    days = pd.date_range("2021-03-01", periods=len(frame)).strftime("%m/%d/%y")
    made = proposed(frame.assign(day=days), "class")
    assert "dates in a form that isn't plain, '03/01/21' for instance" in says(made, "day")


def test_whole_numbers_that_may_be_labels_come_with_what_to_write(proposed: Propose) -> None:
    frame = datasets.five_classes()
    made = proposed(frame.assign(line=np.arange(len(frame)) % 4 + 9), "class")
    assert 'write {type: category, values: ["9", "10", "11", "12"]}' in says(made, "line")
    made = proposed(frame.assign(stars=np.arange(len(frame)) % 5 + 1), "stars", "Stars")
    assert "--task regression takes them for amounts" in says(made, "stars")
