"""What Dagster's catalogue says of a model's assets, and what it must not hold."""

from pathlib import Path

import dagster as dg

from lab.training.asset_facts import COLUMNS, column_schema, owners_of, preview
from lab.training.version_card import MOST, version_card
from pipelines.definitions import defs
from tests.support.contracts import CONTRACT, MODEL_ASSET, ROOT

DATA = ROOT / "data" / "sample_data.csv"
TAGS = {"data_hash": "a" * 64, "drift_state": "stable", "owner": "ada", "role": "analyst", "environment": "dev"}


def test_every_asset_has_an_owner_a_kind_and_a_description() -> None:
    graph = defs().resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.owners, key
        assert node.kinds, key
        assert node.description, key
    assert graph.get(dg.AssetKey(MODEL_ASSET)).owners == ("credit-risk@example.com",)


def test_an_owner_without_an_address_is_a_team() -> None:
    assert owners_of(CONTRACT.model_copy(update={"owner": "Credit Risk"})) == ("team:Credit Risk",)
    assert owners_of(CONTRACT.model_copy(update={"owner": "a b@example.com"})) == ("team:a b@example.com",)


def test_the_validated_data_has_the_contracts_columns() -> None:
    graph = defs().resolve_asset_graph()
    schema = graph.get(dg.AssetKey(["data", "credit_risk_validated"])).metadata[COLUMNS]
    assert isinstance(schema, dg.TableSchemaMetadataValue | dg.TableSchema)
    columns = {column.name: column for column in column_schema(CONTRACT).columns}
    assert list(columns) == list(CONTRACT.columns)
    assert columns["duration_in_month"].constraints.other == ["at least 1", "at most 120"]
    assert "the target" in str(columns[CONTRACT.target].description)


def test_the_preview_holds_no_row_and_nothing_that_tells_of_people() -> None:
    text = preview(DATA, CONTRACT).md_str
    lines = {line.split("|")[1].strip(): line for line in text.splitlines()[2:]}

    assert list(lines) == list(CONTRACT.columns)
    assert CONTRACT.protected
    for name in CONTRACT.protected:
        assert lines[name].endswith("| *not shown* |"), name
    assert "not shown" not in lines["credit_amount"]
    first = DATA.read_text().splitlines()[1].split(",")
    assert ", ".join(first[:3]) not in text


def test_cells_that_look_like_markdown_stay_text(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text(f"purpose,{CONTRACT.target}\n<img src=x>|`a`,good\n")
    assert "&lt;img src=x>\\|\\`a\\`" in preview(file, CONTRACT).md_str


def test_a_version_carries_its_model_card() -> None:
    card = version_card(CONTRACT, {**TAGS, "audit_seq": "7"}, {"roc_auc": 0.798765432})
    assert CONTRACT.purpose in card
    assert "| roc_auc | 0.798765 |" in card
    assert all(name in card for name in CONTRACT.protected)
    assert "audit entry 7" in card


def test_a_card_is_never_longer_than_mlflow_takes() -> None:
    long = CONTRACT.model_copy(update={"limits": ("word " * 3000,)})
    assert len(version_card(long, {**TAGS, "audit_seq": "7"}, {})) == MOST
