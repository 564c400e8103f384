"""The file that carries a lab's images to another machine.

Its images are small ones, made by the same build from other recipes: packing, checking and loading don't depend on what
is in them, and take minutes for gigabytes.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient
from docker.models.images import Image

from lab.runtime.images.debian_base import python_version
from lab.runtime.images.docker_build import image_id
from lab.runtime.images.image_names import BASE, BUILD, EVERY, IMAGE_LABEL, INPUTS_LABEL, OURS, STAND_INS, images, tag
from lab.runtime.images.wheels import requirements, wheels_hash
from tests.support import containers
from tests.support.containers import STACK
from tests.support.lab import LiveLab
from tests.support.project import copied

pytestmark = [pytest.mark.compose, pytest.mark.timeout(2400)]

SMALL, OTHER = "test-small", "test-bundle"
WHEEL = "/wheels/only"
_STAND_IN = "ARG BASE_IMAGE\nFROM ${{BASE_IMAGE}}\nRUN echo {0} >/{0}\n"
_OURS = f"""
ARG BASE_IMAGE
ARG BUILD_IMAGE
FROM ${{BUILD_IMAGE}} AS packages
LABEL org.mlops-lab.stage=small
RUN cp {WHEEL} /taken
FROM ${{BASE_IMAGE}}
ARG CODE_VERSION
COPY --from=packages /taken /taken
"""


def of(engine: DockerClient, image: str, lab: str) -> Image:
    return engine.images.get(tag(image, lab))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its recipes take nothing of what they are given but one file of the image with the wheels."""
    root = copied(tmp_path_factory.mktemp("small") / "project")
    for image in STAND_INS:
        (root / "stack" / "airgap" / image / "Dockerfile").write_text(_STAND_IN.format(image))
    for image in OURS:
        (root / "stack" / "images" / image / "Dockerfile").write_text(_OURS)
    return root


@pytest.fixture(scope="module")
def small(
    stack: LiveLab, engine: DockerClient, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveLab]:
    """A lab with a complete set of images; the base is the stack's."""
    folder = tmp_path_factory.mktemp("small")
    with LiveLab.prepared(folder, SMALL, project, **containers.variables()) as lab:
        with_wheels(engine, project, folder / "build")
        lab.invoke("build", "--airgap", timeout=1200)
        yield lab
    assert containers.everything(engine, SMALL) == []


def with_wheels(engine: DockerClient, project: Path, context: Path) -> None:
    """Makes the small lab's image with the wheels, which passes for one that was made from the lock file."""
    base, recipe = image_id(engine, tag(BASE, STACK)), project / "stack" / "airgap" / BUILD / "Dockerfile"
    made_from = wheels_hash(requirements(project), python_version(engine, STACK), base, recipe)
    context.mkdir()
    (context / "Dockerfile").write_text(f"FROM {tag(BASE, STACK)}\nRUN mkdir /wheels && echo wheel >{WHEEL}\n")
    labels = {IMAGE_LABEL: BUILD, INPUTS_LABEL: made_from}
    engine.images.build(path=str(context), tag=tag(BUILD, SMALL), labels=labels, rm=True, forcerm=True)


@pytest.fixture(scope="module")
def file(small: LiveLab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("bundle") / "images.zip"
    small.invoke("bundle", "--output", str(file), timeout=1200)
    return file


@pytest.fixture(scope="module")
def other(
    file: Path, engine: DockerClient, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveLab]:
    with LiveLab.prepared(tmp_path_factory.mktemp("other"), OTHER, project, **containers.variables()) as lab:
        lab.invoke("build", "--bundle", str(file), timeout=1200)
        yield lab
    assert containers.everything(engine, OTHER) == []


def test_it_brings_every_image(other: LiveLab, engine: DockerClient) -> None:
    for image in EVERY:
        loaded = of(engine, image, OTHER)
        assert loaded.attrs["RootFS"]["Layers"] == of(engine, image, SMALL).attrs["RootFS"]["Layers"]
        assert loaded.labels.get(containers.LAB) == (None if image in {BASE, BUILD} else OTHER)
    assert len({of(engine, image, OTHER).id for image in EVERY}) == len(EVERY)
    assert images(other.config)["POSTGRES_IMAGE"] == f"mlops-lab/postgres:{OTHER}"


def test_its_names_do_not_stay(other: LiveLab, engine: DockerClient) -> None:
    names = [name for image in engine.images.list() for name in image.tags]

    assert f"mlops-lab/base:{SMALL}" in names
    assert not [name for name in names if ":bundle-" in name]


def test_it_is_not_overwritten_unless_that_is_asked_for(small: LiveLab, file: Path) -> None:
    before = file.stat()
    refused = small.invoke("bundle", "--output", str(file), check=False)

    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_from_it_images_are_built_without_any_source(other: LiveLab, engine: DockerClient) -> None:
    """No package list, no index: what was loaded is all there is."""
    before = of(engine, BASE, OTHER).id
    said = other.invoke("build", "--airgap", PIP_INDEX_URL="http://127.0.0.1:1").stdout

    assert of(engine, BASE, OTHER).id == before
    assert "wheels" not in said
    for image in OURS:
        assert engine.containers.run(tag(image, OTHER), ["cat", "/taken"], remove=True) == b"wheel\n"
