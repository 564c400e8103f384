"""Official images: which a lab needs, whether they are here, and what is said when one can't be had any more."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.base.catalogue import Service
from lab.base.errors import LabError
from lab.config import LabConfig
from lab.operations.doctor.doctor_compose import _images, _store
from lab.operations.doctor.finding import Finding, Verdict
from lab.runtime.compose.container_set import make_stack, store_of
from lab.runtime.images import official
from lab.runtime.images.image_names import OURS, tag, write_override
from lab.runtime.images.official import Official
from lab.runtime.lab_marker import COMPOSE, MINIO, SEAWEEDFS, write_mark
from tests.support.played_lab import config as lab_config

# What an engine says of an image that is no longer on its registry, of one that nobody reaches, and of too many pulls.
GONE = "Error response from daemon: pull access denied for {name}, repository does not exist or may require a login"
UNREACHABLE = "Error response from daemon: Get the registry: dial tcp: lookup: no such host"
TOO_MANY = "toomanyrequests: You have reached your pull rate limit."


@pytest.fixture
def config(tmp_path: Path) -> LabConfig:
    return lab_config(tmp_path, RUNTIME="compose", LAB_NAME="here")


def docker(folder: Path, monkeypatch: pytest.MonkeyPatch, *refused: str, words: str = GONE) -> Path:
    """A docker command on PATH that refuses images whose names begin with one of `refused`; the rest it notes down."""
    folder.mkdir(exist_ok=True)
    program, pulled = folder / "docker", folder / "pulled"
    arms = "".join(f'{name}*) echo "{words.format(name=name)}" >&2; exit 1 ;;\n' for name in refused)
    program.write_text(f'#!/bin/sh\nfor name; do :; done\ncase "$name" in\n{arms}esac\necho "$name" >> {pulled}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return pulled


@dataclass
class Engine:
    """A container engine's client with some images, and registries that refuse some others."""

    tags: Sequence[str] = ()
    digests: Sequence[str] = ()
    refused: Sequence[str] = ()
    asked: list[str] = field(default_factory=list)

    @property
    def images(self) -> Any:
        here = SimpleNamespace(tags=list(self.tags), attrs={"RepoDigests": list(self.digests)})
        return SimpleNamespace(list=lambda: [here], get_registry_data=self._look_up)

    def _look_up(self, name: str) -> None:
        from docker.errors import NotFound

        self.asked.append(name)
        if name.startswith(tuple(self.refused)):
            raise NotFound("", explanation=f"manifest for {name} not found")


def silent(*_: object) -> None:
    return


def names(config: LabConfig) -> list[str]:
    return [one.name for one in make_stack(config).official]


# --- which store ---


def test_a_new_lab_in_containers_stores_in_seaweedfs_and_needs_nothing_of_minio(config: LabConfig) -> None:
    assert store_of(config) == SEAWEEDFS
    assert not [name for name in names(config) if "minio" in name]


def test_a_lab_whose_data_lie_in_minio_goes_on_with_it_and_is_told_so(tmp_path: Path, config: LabConfig) -> None:
    write_mark(config, COMPOSE, MINIO)

    assert store_of(config) == MINIO
    (finding,) = _store(config)
    assert finding.verdict is Verdict.WARN
    assert "archived" in finding.detail
    assert all(step in finding.remedy for step in ("invoke backup", "invoke nuke", "seaweedfs", "invoke restore"))


def test_settings_may_still_ask_for_minio_which_comes_from_the_registry_that_has_it(tmp_path: Path) -> None:
    config = lab_config(tmp_path, RUNTIME="compose", OBJECT_STORE="minio")
    (image,) = [one for one in make_stack(config).official if one.wanted_by == Service.OBJECT_STORE]

    assert image.registry == "quay.io"
    assert image.name.partition("@")[2].startswith("sha256:")
    assert [finding.name for finding in _store(config)] == ["object store"]


# --- which images ---


@pytest.mark.parametrize(
    ("name", "registry"),
    [
        ("postgres:18.6-bookworm", "docker.io"),
        ("prom/prometheus:v3.1.0", "docker.io"),
        ("quay.io/minio/minio:RELEASE", "quay.io"),
        ("localhost/x:1", "localhost"),
        ("mirror:5000/x:1", "mirror:5000"),
    ],
)
def test_a_registry_is_read_from_an_images_name(name: str, registry: str) -> None:
    assert Official(name, "X_IMAGE", "x").registry == registry


def test_every_service_that_no_image_of_ours_runs_has_an_official_one(config: LabConfig) -> None:
    wanted = {one.wanted_by for one in make_stack(config).official}
    assert wanted == {"postgres", "object-store", "prometheus", "alertmanager", "grafana"}


@pytest.mark.parametrize(
    ("name", "here"),
    [
        ("postgres:18.6", True),
        ("docker.io/library/postgres:18.6", True),
        ("postgres:18.7", False),
        ("prom/x:v1@sha256:aa", True),
        ("prom/x:v1@sha256:bb", False),
        ("quay.io/y@sha256:cc", True),
    ],
)
def test_an_image_is_here_by_its_tag_or_by_its_digest(name: str, here: bool) -> None:
    engine = Engine(["postgres:18.6"], ["prom/x@sha256:aa", "quay.io/y@sha256:cc"])
    assert (not official.missing(engine, [Official(name, "X_IMAGE", "x")])) is here  # type: ignore[arg-type]


# --- pulling ---


@pytest.mark.parametrize(
    ("words", "advice"), [(GONE, "withdrawn"), (UNREACHABLE, "Check the network"), (TOO_MANY, "docker login")]
)
def test_a_pull_that_fails_names_image_service_registry_and_what_to_do(
    config: LabConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, advice: str
) -> None:
    docker(tmp_path / "bin", monkeypatch, "chrislusf/", words=words)

    with pytest.raises(LabError) as caught:
        official.pull(config, make_stack(config).official, silent)

    assert "chrislusf/seaweedfs:" in caught.value.message
    assert "object-store" in caught.value.message
    assert "docker.io" in caught.value.message
    assert words.format(name="chrislusf/")[:30] in caught.value.message
    assert advice in caught.value.remedy
    assert "invoke build --airgap" in caught.value.remedy or words is TOO_MANY


def test_where_an_image_is_gone_the_variable_that_names_another_is_said(
    config: LabConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker(tmp_path / "bin", monkeypatch, "quay.io/minio")
    image = Official("quay.io/minio/minio:RELEASE", "MINIO_IMAGE", "object-store")

    with pytest.raises(LabError, match=r"can't be pulled from quay\.io") as caught:
        official.pull(config, [image], silent)

    assert "stack/images.env (MINIO_IMAGE)" in caught.value.remedy
    assert "OBJECT_STORE=seaweedfs" in caught.value.remedy
    assert "airgap" not in caught.value.remedy  # which has no MinIO


def test_the_lab_does_without_an_optional_service_whose_image_is_gone_and_says_why(
    config: LabConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled = docker(tmp_path / "bin", monkeypatch, "grafana/")
    said: list[str] = []

    official.pull(config, make_stack(config).official, lambda *words: said.append(" ".join(map(str, words))))

    stack = make_stack(config)
    assert Service.GRAFANA not in stack.services
    assert stack.profiles == ["alertmanager"]
    (line,) = [line for line in said if "left out" in line]
    assert "grafana/grafana:" in line
    assert "for grafana can't be pulled from docker.io" in line
    assert sorted(pulled.read_text().split()) == sorted(names(config))


def test_what_was_left_out_is_tried_for_again_after_a_day_or_when_asked(
    config: LabConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker(tmp_path / "bin", monkeypatch, "grafana/")
    official.pull(config, make_stack(config).official, silent)
    official.forget_old(config)
    assert set(official.unavailable(config)) == {Service.GRAFANA}

    a_day_ago = time.time() - 25 * 3600
    os.utime(config.home / "compose" / "unavailable.json", (a_day_ago, a_day_ago))
    official.forget_old(config)
    assert Service.GRAFANA in make_stack(config).services

    docker(tmp_path / "bin", monkeypatch)
    official.pull(config, make_stack(config).official, silent)
    assert official.unavailable(config) == {}


# --- doctor ---


def found(config: LabConfig, engine: Engine) -> list[Finding]:
    return list(_images(config, engine))  # type: ignore[arg-type]


def ours(lab: str) -> list[str]:
    return [tag(name, lab) for name in OURS]


def test_doctor_looks_for_every_image_that_up_will_need(config: LabConfig) -> None:
    everything = names(config)
    (finding,) = found(config, Engine([*ours("here"), *everything]))
    assert finding.verdict is Verdict.OK

    for absent in everything:
        rest = [name for name in everything if name != absent]
        (finding,) = found(config, Engine([*ours("here"), *rest]))
        assert finding.verdict is Verdict.OK
        assert absent in finding.detail

        (finding,) = found(config, Engine([*ours("here"), *rest], refused=[absent]))
        assert finding.verdict is Verdict.WARN
        assert absent in finding.detail
        assert "docker.io doesn't give it" in finding.detail
        assert "stack/images.env" in finding.remedy


def test_doctor_looks_for_what_ours_are_built_from_where_they_must_be_built(config: LabConfig) -> None:
    engine = Engine(names(config))
    findings = found(config, engine)

    assert ours("here")[0] in findings[0].detail
    assert engine.asked == ["python:3.11-slim-bookworm"]


def test_doctor_asks_no_registry_about_images_that_were_made_without_one(config: LabConfig) -> None:
    write_override(config)
    engine = Engine(ours("here"))
    (finding,) = found(config, engine)

    assert finding.verdict is Verdict.WARN
    assert "mlops-lab/postgres:here" in finding.detail
    assert "invoke build --airgap" in finding.remedy
    assert engine.asked == []
