"""Where `new-model` writes, under which name, and that it does so whole or not at all."""

from pathlib import Path

import pytest

from lab.base.errors import LabError, UsageError
from lab.models.proposal import writing
from lab.models.proposal.naming import names_of
from lab.models.proposal.proposing import propose
from tests.models.proposals import Propose
from tests.support import datasets


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("Kündigung", "Take Kundigung."),
        ("", "Take another."),
        ("a/../b", "Take a-b."),
        ("2nd", "Take nd."),
        ("x" * 101, ""),
        ("class", ""),
        ("con", ""),
        ("definitions", ""),
        ("模型", "Take another."),
        ("a" * 60, ""),
    ],
)
def test_a_name_that_one_of_its_places_cannot_hold_is_refused(name: str, remedy: str, project: Path) -> None:
    with pytest.raises(UsageError) as told:
        names_of(name, project / "pipelines", {})
    assert remedy in told.value.remedy


@pytest.mark.parametrize(
    ("name", "slug"), [("Churn", "churn"), ("CreditRisk-2", "credit_risk_2"), ("HTTPLoad", "http_load"), ("a_B", "a_b")]
)
def test_a_folder_is_named_as_packages_are(name: str, slug: str, project: Path) -> None:
    assert names_of(name, project / "pipelines", {}).slug == slug


def test_a_second_model_of_a_name_is_refused(proposed: Propose, project: Path) -> None:
    proposed(datasets.sales(), "amount", "Sales")
    before = (project / "pipelines" / "sales" / "model.yaml").read_bytes()
    for name, said in {"Sales": "Sales is taken", "sales": "too close to Sales", "SALES": "too close to Sales"}.items():
        with pytest.raises(UsageError, match=said):
            proposed(datasets.sales(), "amount", name)
    (project / "pipelines" / "taken").mkdir()
    with pytest.raises(UsageError, match="never overwritten"):
        proposed(datasets.sales(), "amount", "Taken")
    assert (project / "pipelines" / "sales" / "model.yaml").read_bytes() == before


def test_an_interruption_leaves_nothing(proposed: Propose, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: writing.Files) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "_written", interrupt)
    with pytest.raises(KeyboardInterrupt):
        proposed(datasets.sales(), "amount")
    assert list((project / "pipelines").iterdir()) == list((project / "data").iterdir()) == []


def test_data_of_another_model_is_never_overwritten(proposed: Propose, project: Path) -> None:
    (project / "data").mkdir()
    (project / "data" / "model1.csv").write_text("other\n")
    with pytest.raises(LabError, match="is there already, with other data"):
        proposed(datasets.sales(), "amount")
    assert list((project / "pipelines").iterdir()) == []


def test_a_dry_run_writes_nothing(proposed: Propose, project: Path) -> None:
    made = proposed(datasets.sales(), "amount", dry=True)
    assert "columns:" in made.files["model.yaml"]
    assert [path.name for path in project.rglob("*")] == ["pipelines"]


def test_data_in_the_project_stays_where_it_is(project: Path) -> None:
    (project / "data").mkdir()
    datasets.sales().to_csv(project / "data" / "s.csv", index=False)
    assert propose(project, "Sales", project / "data" / "s.csv", "amount").data == "data/s.csv"


def test_data_elsewhere_in_the_project_is_copied_to_where_containers_see_it(project: Path) -> None:
    datasets.sales().to_csv(project / "s.csv", index=False)
    assert propose(project, "Sales", project / "s.csv", "amount").data == "data/sales.csv"
    assert (project / "data" / "sales.csv").read_bytes() == (project / "s.csv").read_bytes()
