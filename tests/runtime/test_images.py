"""Names, pins and digests of images: everything about them that needs no engine."""

import dataclasses
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.base.errors import LabError
from lab.config import LabConfig
from lab.operations.lab_images import pin
from lab.runtime.images import image_names, official, pinned_versions
from tests.support.lab import ROOT


def test_official_images_are_pinned_to_a_version() -> None:
    pins = image_names.read(image_names.pins_file(ROOT))

    assert set(image_names.STAND_INS.values()) | {"PYTHON_IMAGE", "MINIO_IMAGE", "GRAFANA_IMAGE"} == set(pins)
    for name in pins.values():
        tag = name.partition("@")[0].rpartition(":")[2]
        assert re.search(r"\d+\.\d+|\d{4}-\d\d-\d\d", tag), f"{name} has no version"


def test_both_runtimes_run_the_same_versions() -> None:
    assert list(pinned_versions.drift(ROOT)) == []


@pytest.mark.parametrize(
    "variable", ["POSTGRES_IMAGE", "SEAWEEDFS_IMAGE", "PROMETHEUS_IMAGE", "ALERTMANAGER_IMAGE", "GRAFANA_IMAGE"]
)
@pytest.mark.parametrize("change", ["another", "gone"])
def test_a_version_that_only_one_runtime_has_is_named(tmp_path: Path, variable: str, change: str) -> None:
    (tmp_path / "stack").mkdir()
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    text = image_names.pins_file(ROOT).read_text()
    planted = re.sub(rf"(?m)^({variable}=\S+?:v?)\d[\d.]*\d", r"\g<1>9.9.9", text)
    assert planted != text
    if change == "gone":
        planted = re.sub(rf"(?m)^{variable}=.*\n", "", planted)
    image_names.pins_file(tmp_path).write_text(planted)

    (line,) = pinned_versions.drift(tmp_path)
    assert line.startswith(f"{variable} is {'9.9.9' if change == 'another' else 'missing'} in stack/images.env")


def test_renewing_digests_leaves_the_last_release_of_what_has_no_other(
    config: LabConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    (root / "stack").mkdir(parents=True)
    image_names.pins_file(root).write_text("A_IMAGE=a/b:1.0\nMINIO_IMAGE=quay.io/m:last@sha256:kept\n")

    def pull(wanted: Sequence[str], _: object) -> dict[str, str]:
        assert list(wanted) == ["a/b:1.0"]
        return {"a/b:1.0": "sha256:new"}

    monkeypatch.setattr(official, "pull_digests", pull)
    pin(dataclasses.replace(config, root=root), lambda _: None)
    assert (
        image_names.pins_file(root).read_text()
        == "A_IMAGE=a/b:1.0@sha256:new\nMINIO_IMAGE=quay.io/m:last@sha256:kept\n"
    )


def test_dockerfiles_install_with_the_locked_uv() -> None:
    locked = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["airgap"]
    dockerfiles = [ROOT / "stack" / "images" / image / "Dockerfile" for image in image_names.OURS]

    assert {
        f"uv=={found}" for path in dockerfiles for found in re.findall(r"UV_VERSION=(\S+)", path.read_text())
    } == set(locked)


def test_the_packages_that_two_images_share_are_installed_by_the_same_lines() -> None:
    def stage(image: str, name: str) -> Sequence[str]:
        text = (ROOT / "stack" / "images" / image / "Dockerfile").read_text()
        return re.search(rf"^FROM uv AS {name}\n(.*?)^\s*$", text, re.MULTILINE | re.DOTALL)[1].splitlines()  # type: ignore[index]

    assert stage("mlflow", "packages") == stage("pipelines", "shared")


@pytest.mark.parametrize("path", sorted((ROOT / "stack").glob("*/*/Dockerfile")), ids=lambda path: path.parent.name)
def test_a_dockerfile_suits_every_builder_and_ends_as_another_user_than_root(path: Path) -> None:
    text = path.read_text()
    users = re.findall(r"^USER (\S+)", text, re.MULTILINE)

    assert "# syntax" not in text
    assert "<<" not in text
    assert "--mount" not in text
    assert not re.search(r"PASSWORD|SECRET|TOKEN", re.sub(r"_PASSWORD_FILE", "", text))
    if path.parent.name != image_names.BUILD:
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])


def test_only_what_images_are_made_from_is_sent_to_the_engine() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]

    assert lines[0] == "*"
    assert {line for line in lines if line.startswith("!")} == {
        "!pyproject.toml", "!uv.lock", "!lab", "!pipelines", "!exporters", "!stack/dagster", "!stack/governance",
    }  # fmt: skip


def test_an_air_gapped_build_replaces_the_official_images(config: LabConfig) -> None:
    image_names.write_override(config)
    found = image_names.images(config)

    assert found["POSTGRES_IMAGE"] == "mlops-lab/postgres:here"
    assert found["GRAFANA_IMAGE"] == image_names.read(image_names.pins_file(ROOT))["GRAFANA_IMAGE"]


def test_a_line_that_names_no_image_is_reported_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "images.env"
    path.write_text("# comment\n\nPOSTGRES_IMAGE=postgres:18.6\nPOSTGRES_IMAGE postgres\n")

    with pytest.raises(LabError, match=r"images\.env, line 4: 'POSTGRES_IMAGE postgres' is no NAME=value"):
        image_names.read(path)


def test_a_variable_that_is_there_twice_is_reported_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "images.env"
    path.write_text("POSTGRES_IMAGE=a\n\nPOSTGRES_IMAGE=b\n")
    with pytest.raises(LabError, match="line 3: POSTGRES_IMAGE is there twice"):
        image_names.read(path)


def test_digests_are_added_to_versions_and_renewed() -> None:
    text = "# why\nA_IMAGE=a/b:1.0\nC_IMAGE=c:2@sha256:old\nD_IMAGE=d:3@sha256:kept-out\n"
    found = {"a/b:1.0": "sha256:one", "c:2": "sha256:new"}

    assert image_names.pinned(text, found) == (
        "# why\nA_IMAGE=a/b:1.0@sha256:one\nC_IMAGE=c:2@sha256:new\nD_IMAGE=d:3\n"
    )


def test_the_digest_is_that_of_the_registry_which_the_name_says() -> None:
    known = ["mirror.example/postgres@sha256:theirs", "postgres@sha256:ours"]

    assert official.digest_of("postgres:18.6-bookworm", known) == "sha256:ours"


def test_an_image_without_a_digest_is_not_pinned() -> None:
    with pytest.raises(LabError, match=r"no digest for postgres:18\.6"):
        official.digest_of("postgres:18.6", [])
