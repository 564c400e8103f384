"""The images that an air-gapped build makes."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from docker import DockerClient
from docker.models.images import Image

from lab.config import Secrets
from lab.runtime.images.image_names import BASE, BUILD, EVERY, OURS, images, tag
from tests.support.containers import STACK
from tests.support.lab import LiveLab

# The first test waits until everything is built, which takes minutes on a small machine.
pytestmark = [pytest.mark.compose, pytest.mark.timeout(2400)]

FINAL = tuple(image for image in EVERY if image not in {BASE, BUILD})
# Megabytes, with some room above what they take: an image that swells is looked at.
CEILINGS = {
    "base": 130, "exporters": 230, "mlflow": 950, "pipelines": 1100, "postgres": 160, "seaweedfs": 300,
    "prometheus": 250, "alertmanager": 180,
}  # fmt: skip


def of(engine: DockerClient, image: str, lab: str = STACK) -> Image:
    return engine.images.get(tag(image, lab))


def look(engine: DockerClient, image: str, *argv: str, mount: Path | None = None) -> str:
    """What a program in the image says when root runs it there, with nothing but the image to look at."""
    volumes = {str(mount): {"bind": "/wanted", "mode": "ro"}} if mount else {}
    output = engine.containers.run(
        tag(image, STACK),
        list(argv[1:]),
        entrypoint=argv[0],
        user="0",
        network_mode="none",
        remove=True,
        volumes=volumes,
    )
    return str(output.decode())


def secrets(lab: LiveLab) -> Sequence[str]:
    found = lab.config.secrets
    return [str(getattr(found, name)) for name in Secrets.__dataclass_fields__]


@pytest.mark.parametrize("image", FINAL)
def test_an_image_runs_as_a_user_with_a_number_other_than_root(
    stack: LiveLab, engine: DockerClient, image: str
) -> None:
    user = of(engine, image).attrs["Config"]["User"]

    assert user.partition(":")[0].isdigit()
    assert int(user.partition(":")[0]) > 0


@pytest.mark.parametrize("image", EVERY)
def test_an_image_tells_no_secret(stack: LiveLab, engine: DockerClient, image: str) -> None:
    told = str(of(engine, image).attrs) + str(of(engine, image).history())

    assert len(secrets(stack)) >= 8
    assert not [secret for secret in secrets(stack) if secret in told]


@pytest.mark.parametrize("image", FINAL)
def test_an_image_holds_no_secret(stack: LiveLab, engine: DockerClient, image: str, tmp_path: Path) -> None:
    # That the first word is found is the proof that the others were looked for.
    everywhere, wanted = ":0:0:root:", tmp_path / "wanted"
    wanted.write_text("".join(f"{word}\n" for word in (everywhere, *secrets(stack))))
    places = "/app /etc /home /lab /opt /root /srv /tmp /usr/local /var"

    found = look(engine, image, "sh", "-c", f"grep -aroFf /wanted {places} 2>/dev/null; true", mount=wanted)

    assert {line.partition(":")[2] for line in found.splitlines()} == {everywhere}, found


@pytest.mark.parametrize("image", OURS)
def test_an_image_holds_nothing_to_build_with(stack: LiveLab, engine: DockerClient, image: str) -> None:
    script = "for name in uv pip pip3 gcc cc make git apt-get; do command -v $name; done; ls -d /wheels /build; true"

    assert look(engine, image, "sh", "-c", f"{{ {script}; }} 2>/dev/null") == ""


def test_the_base_has_every_licence_and_nothing_else_to_read(stack: LiveLab, engine: DockerClient) -> None:
    script = "cd /usr/share; find doc man locale info ! -type d; find /etc/alternatives -xtype l"
    found = look(engine, BASE, "sh", "-c", script).split()

    assert len(found) > 50
    assert not [path for path in found if not path.endswith("/copyright")]


@pytest.mark.parametrize("image", OURS)
def test_python_finds_everything_compiled(stack: LiveLab, engine: DockerClient, image: str) -> None:
    program = """
import importlib.util, os
for top in ("/opt/venv/lib", "/app"):
    for folder, _, files in os.walk(top):
        for name in files:
            path = os.path.join(folder, name)
            if name.endswith(".py") and not os.path.exists(importlib.util.cache_from_source(path)):
                print(path)
"""

    assert look(engine, image, "python3", "-c", program) == ""


def test_two_images_share_the_layer_of_their_common_packages(stack: LiveLab, engine: DockerClient) -> None:
    layers = {image: of(engine, image).attrs["RootFS"]["Layers"] for image in (BASE, "mlflow", "pipelines")}
    packages = len(layers[BASE])

    assert layers["mlflow"][: packages + 1] == layers["pipelines"][: packages + 1]


def test_images_take_no_more_than_they_need(stack: LiveLab, engine: DockerClient) -> None:
    sizes = {image: of(engine, image).attrs["Size"] / 1e6 for image in CEILINGS}

    assert {image: f"{size:.0f} MB" for image, size in sizes.items() if size > CEILINGS[image]} == {}


def test_the_lab_runs_the_stand_ins(stack: LiveLab) -> None:
    assert images(stack.config)["POSTGRES_IMAGE"] == f"mlops-lab/postgres:{STACK}"


def test_a_second_build_changes_nothing(stack: LiveLab, engine: DockerClient) -> None:
    before = {image: of(engine, image).id for image in EVERY}

    said = stack.invoke("build", "--airgap").stdout

    assert {image: of(engine, image).id for image in EVERY} == before
    assert said.count("nothing changed") == len(EVERY)
