"""Several models below `pipelines/`: each is found by name or folder, and what is wrong with one harms no other."""

import codecs
import os
from pathlib import Path

import pytest
from yaml import YAMLError

from lab.base.errors import SettingsError, UsageError
from lab.base.model_id import ModelId, is_slug, is_training, slug_of, step_of
from lab.base.runs import INGEST, JOB, SCHEDULE
from lab.models.listing import MOST_MODELS, drift_limit, listed_models, names_in
from lab.models.model_folder import Models, models_in, the_model
from lab.models.soundness import trouble
from lab.models.yaml_text import composed
from tests.support.contracts import write_model

# Each line has twice as much as the one before, of which a thousand million values come.
DOUBLING = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 31))


def test_a_lab_without_models_says_so(tmp_path: Path) -> None:
    assert models_in(tmp_path) == Models((), ())
    assert models_in(tmp_path / "absent").sound == ()
    with pytest.raises(UsageError, match="No model is named") as caught:
        the_model(tmp_path)
    assert "none" in caught.value.remedy


def test_the_only_model_is_meant_without_a_name(tmp_path: Path) -> None:
    write_model(tmp_path, "churn", "Churn")
    assert the_model(tmp_path).contract.name == "Churn"
    assert the_model(tmp_path).module == f"{tmp_path.name}.churn.train"


def test_of_several_the_default_one_is_meant_without_a_name(tmp_path: Path) -> None:
    write_model(tmp_path, "churn", "Churn")
    write_model(tmp_path, "fraud", "Fraud", default="true")
    assert the_model(tmp_path).contract.name == "Fraud"
    assert the_model(tmp_path, "Churn").slug == the_model(tmp_path, "churn").slug == "churn"


def test_of_several_without_a_default_one_must_be_named(tmp_path: Path) -> None:
    write_model(tmp_path, "churn", "Churn")
    write_model(tmp_path, "fraud", "Fraud")
    with pytest.raises(UsageError, match="none is the default") as caught:
        the_model(tmp_path)
    assert "Churn, Fraud" in caught.value.remedy


def test_a_model_that_is_not_there_is_wrong_usage_and_shown_safely(tmp_path: Path) -> None:
    write_model(tmp_path, "churn", "Churn")
    with pytest.raises(UsageError, match="There is no model"):
        the_model(tmp_path, "Fraud")
    with pytest.raises(UsageError) as caught:
        the_model(tmp_path, "\x1b[31mred")
    assert "\x1b" not in caught.value.message


def test_the_second_that_claims_a_name_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path, "a", "Churn")
    write_model(tmp_path, "b", "Churn")
    found = models_in(tmp_path)
    assert [one.slug for one in found.sound] == ["a"]
    [broken] = found.broken
    assert (broken.slug, broken.name) == ("b", "Churn")
    assert "Churn is the model of a already" in broken.problem.message
    assert found.find("Churn").slug == "a"
    with pytest.raises(SettingsError, match="already"):
        found.find("b")
    assert [one.slug for one in listed_models(tmp_path)] == ["a"]


def test_the_second_default_one_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path, "a", "Churn", default="true")
    write_model(tmp_path, "b", "Fraud", default="true")
    found = models_in(tmp_path)
    assert (found.find().contract.name, [one.slug for one in found.broken]) == ("Churn", ["b"])
    assert "Churn is the default model already" in found.broken[0].problem.message
    assert [one.default for one in listed_models(tmp_path)] == [True, False]


def test_a_broken_contract_makes_no_other_model_the_one_that_is_meant_without_a_name(tmp_path: Path) -> None:
    write_model(tmp_path, "a", text="name: Churn\ndefault: true\nversion: 7\n")
    write_model(tmp_path, "b", "Fraud")
    with pytest.raises(UsageError, match=r"No model is named.*a/model\.yaml"):
        models_in(tmp_path).find()
    assert models_in(tmp_path).find("Fraud").slug == "b"


@pytest.mark.parametrize(("first", "second", "wrong"), [("b", "Churn", "a"), ("Churn", "a", "b"), ("b", "a", "ab")])
def test_a_name_that_is_anothers_folder_is_refused_as_commands_take_either(
    tmp_path: Path, first: str, second: str, wrong: str
) -> None:
    """Whoever takes it is wrong, whichever folder comes first: the other one goes on."""
    write_model(tmp_path, "a", first)
    write_model(tmp_path, "b", second)
    found = models_in(tmp_path)
    assert "".join(one.slug for one in found.broken) == wrong
    assert all("is the folder of another model" in one.problem.message for one in found.broken)
    assert [one.slug for one in listed_models(tmp_path)] == [one.slug for one in found.sound]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("columns: [", "is no YAML"),
        ("", "the contract"),
        ("name: Broken\nversion: 1\n", "field required"),
        ("name: 1 Broken\n", "field required"),
        # More than the stack of a process holds.
        pytest.param("columns: " + "[" * 100_000, "values are nested too deep", id="deep"),
        pytest.param("columns: " + "{a: " * 100_000, "values are nested too deep", id="deep mappings"),
        pytest.param(DOUBLING, "a merge is not allowed here", id="doubling"),
        pytest.param(DOUBLING.replace("<<", "!!merge x"), "a tag is not allowed here", id="tagged"),
        ("name: !!timestamp x\n", "a tag is not allowed here"),
        ("name: !!bool x\n", "a tag is not allowed here"),
        ("version: 2020-99-99\n", "month must be in"),
    ],
)
def test_a_broken_contract_is_its_own_concern(tmp_path: Path, text: str, said: str) -> None:
    write_model(tmp_path, "churn", "Churn", default="true")
    write_model(tmp_path, "broken", text=text)
    found = models_in(tmp_path)
    assert [one.slug for one in found.sound] == ["churn"]
    [broken] = found.broken
    assert broken.slug == "broken"
    assert said in broken.problem.message
    assert found.find().slug == "churn"
    with pytest.raises(SettingsError) as caught:
        found.find("broken")
    assert caught.value is broken.problem


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("text", ["a: &a {x: 1}\nb: {<<: *a}\n", "a: !!bool x\n"])
def test_merges_and_tags_are_found_however_their_text_is_encoded(text: str, encoding: str) -> None:
    content = (codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b"") + text.encode(encoding)
    with pytest.raises(YAMLError, match="is not allowed here"):
        composed(content)


def test_text_that_only_looks_like_a_merge_is_read() -> None:
    loader, node = composed(b"a: '<< not merged'\nb: 1 < 2\n")
    assert loader.construct_document(node) == {"a": "<< not merged", "b": "1 < 2"}


def test_a_pipe_in_place_of_a_file_holds_nobody_up(tmp_path: Path) -> None:
    """Reading one waits for whoever writes into it."""
    write_model(tmp_path, "churn", "Churn")
    (tmp_path / "piped").mkdir()
    os.mkfifo(tmp_path / "piped" / "model.yaml")
    (tmp_path / "churn" / "train.py").unlink(missing_ok=True)
    os.mkfifo(tmp_path / "churn" / "train.py")
    found = models_in(tmp_path)
    assert [one.slug for one in found.sound] == ["churn"]
    assert [one.problem.message for one in found.broken] == [f"Can't read {tmp_path}/piped/model.yaml: it is no file."]
    assert names_in(tmp_path) == {"Churn"}
    assert "it is no file" in trouble(tmp_path / "churn", "")


def test_the_name_of_a_broken_contract_stays_governed(tmp_path: Path) -> None:
    write_model(tmp_path, "broken", text="name: Broken\nversion: 7\n")
    write_model(tmp_path, "unread", text="columns: [")
    assert names_in(tmp_path) == {"Broken"}


def test_a_broken_contract_alone_is_named_whatever_was_asked(tmp_path: Path) -> None:
    write_model(tmp_path, "broken", text="columns: [")
    with pytest.raises(SettingsError, match="is no YAML"):
        the_model(tmp_path)


@pytest.mark.parametrize("folder", ["my-model", "Churn", "two__underscores", "_hidden", "ends_", "a" * 51, "é"])
def test_a_folder_that_can_name_no_step_is_refused(tmp_path: Path, folder: str) -> None:
    assert not is_slug(folder)
    write_model(tmp_path, folder, "Churn")
    [broken] = models_in(tmp_path).broken
    assert "is no name for a model's folder" in broken.problem.message
    assert listed_models(tmp_path) == ()


def test_as_many_models_as_a_lab_holds_and_one_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_MODELS == 200
    for module in ("model_folder", "listing"):
        monkeypatch.setattr(f"lab.models.{module}.MOST_MODELS", 3)
    for number in range(4):
        write_model(tmp_path, f"m{number}", f"M{number}")
    found = models_in(tmp_path)
    assert ([one.slug for one in found.sound], [one.slug for one in found.broken]) == (["m0", "m1", "m2"], ["m3"])
    assert "at most 3 models" in found.broken[0].problem.message
    assert names_in(tmp_path) == {"M0", "M1", "M2"}


def test_a_changed_contract_is_read_anew(tmp_path: Path) -> None:
    write_model(tmp_path, "churn", "Churn")
    assert names_in(tmp_path) == {"Churn"}
    write_model(tmp_path, "churn", "Leavers")
    assert names_in(tmp_path) == {"Leavers"}


def test_where_a_models_data_are(tmp_path: Path) -> None:
    pipelines = tmp_path / "pipelines"
    pipelines.mkdir()
    for folder, data in (("a", "data/a.csv"), ("b", "/srv/b.csv"), ("c", "s3://bucket/c.csv"), ("d", "")):
        write_model(pipelines, folder, folder.upper(), data=data)
    found = {one.slug: one.data for one in models_in(pipelines).sound}
    assert found == {"a": str(tmp_path / "data" / "a.csv"), "b": "/srv/b.csv", "c": "s3://bucket/c.csv", "d": ""}


def test_the_default_model_is_called_as_a_lab_of_one_called_it_and_any_other_by_its_folder() -> None:
    default, other = ModelId("Fraud", "fraud", True), ModelId("Churn", "my_churn")
    assert (default.job, default.schedule, default.op(INGEST)) == (JOB, SCHEDULE, INGEST)
    assert (default.current_key, default.baseline_key) == ("current.json", "baseline.json")
    assert (other.job, other.schedule) == ("my_churn_training", "my_churn_training_schedule")
    assert (other.op(INGEST), other.experiment) == ("my_churn__ingest_data", "my-churn")
    assert (other.current_key, other.baseline_key) == (
        "models/my_churn/current.json",
        "models/my_churn/baseline.json",
    )
    for model in (default, other):
        assert step_of(model.op(INGEST)) == INGEST
        assert is_training(model.job)
    assert (slug_of(default.job), slug_of(other.job), slug_of("my_own_job")) == ("", "my_churn", "")
    assert step_of("somebodys__own_op") == "somebodys__own_op"
    assert not is_training("my_own_job")


def test_a_folder_that_is_renamed_keeps_its_versions_and_needs_a_baseline_anew(tmp_path: Path) -> None:
    before = models_in(write_model(tmp_path, "churn", "Churn").parent).find("Churn").id
    (tmp_path / "churn").rename(tmp_path / "leaving")
    found = models_in(tmp_path)
    after = found.find("Churn").id
    assert (after.name, found.broken) == (before.name, ())
    assert after.baseline_key != before.baseline_key
    assert after.seeding == "invoke seed --model Churn"
    with pytest.raises(UsageError, match="There is no model churn"):
        found.find("churn")


def test_a_registered_name_that_is_changed_is_another_model_and_free_again(tmp_path: Path) -> None:
    write_model(tmp_path, "churn", "Churn")
    write_model(tmp_path, "churn", "Leaving")
    with pytest.raises(UsageError, match="There is no model Churn"):
        models_in(tmp_path).find("Churn")
    write_model(tmp_path, "other", "Churn")
    assert [one.contract.name for one in models_in(tmp_path).sound] == ["Leaving", "Churn"]


def test_the_limit_of_drift_is_read_without_judging_a_contract(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "churn", "Churn")
    assert drift_limit(folder) == 0.25
    contract = folder / "model.yaml"
    text = contract.read_text()
    odd = ("{psi: 5}", "{psi: x}", "3", "[")
    for told, limit in (("{psi: 0.1}", 0.1), *((one, 0.25) for one in odd)):
        contract.write_text(f"{text}drift: {told}\n")
        assert drift_limit(folder) == limit
    assert drift_limit(tmp_path / "absent") == 0.25
