"""Two homes with one LAB_NAME, as two clones have: the second one can neither take the first lab over nor remove it."""

import shutil
from pathlib import Path

import pytest
from docker import DockerClient

from lab.runtime.compose.ownership import ID_LABEL
from lab.runtime.lab_marker import lab_id
from tests.support import containers
from tests.support.lab import LiveLab

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]


@pytest.fixture
def second(stack: LiveLab, tmp_path: Path) -> LiveLab:
    """A home and settings of its own; name, ports, engine and project are the first lab's."""
    own = {"LAB_HOME": str(tmp_path / "home"), "LAB_ENV_FILE": str(tmp_path / "env")}
    return LiveLab(tmp_path, stack.environ | own, stack.root)


@pytest.fixture(params=["nothing", "settings", "everything"])
def shared(request: pytest.FixtureRequest, stack: LiveLab, second: LiveLab) -> str:
    """What the second home has of the first one's: a copy of a project has all of it."""
    if request.param != "nothing":
        written = Path(stack.environ["LAB_ENV_FILE"]).read_text().splitlines(keepends=True)
        kept = [line for line in written if not line.startswith("LAB_HOME=")]
        Path(second.environ["LAB_ENV_FILE"]).write_text("".join(kept))
    if request.param == "everything":
        second.home.mkdir()
        shutil.copy(stack.home / "lab.json", second.home)
    return str(request.param)


def test_everything_of_a_lab_says_whose_it_is(stack: LiveLab, engine: DockerClient) -> None:
    mine = {"label": f"{containers.LAB}={stack.config.name}"}
    found = [
        *engine.containers.list(all=True, filters=mine),
        *engine.volumes.list(filters=mine),
        *engine.networks.list(filters=mine),
    ]
    ids = {str((one.attrs.get("Labels") or one.attrs["Config"]["Labels"]).get(ID_LABEL)) for one in found}
    assert ids == {lab_id(stack.home)}


def test_a_second_home_is_refused_and_leaves_the_first_lab_alone(
    stack: LiveLab, second: LiveLab, engine: DockerClient, shared: str
) -> None:
    before, runs = containers.everything(engine, stack.config.name), stack.run_ids()
    pids = {service: one.id for service, one in containers.of_lab(engine, stack.config.name).items()}

    keeping = [["nuke", "--yes", "--keep-audit", "kept"]] if shared != "nothing" else []
    for task in (["up"], ["demo-run"], ["seed", "--drift"], *keeping):
        done = second.invoke(*task, check=False)
        assert done.returncode == 1, f"{task}: {done.stdout}"
        assert str(stack.home) in done.stderr, done.stderr
        assert str(second.home) in done.stderr, done.stderr
    listed = second.invoke("nuke", "--dry-run").stdout
    assert not [line for line in listed.splitlines() if line.startswith(("container", "volume", "network", "image"))]
    assert "was down already" in second.invoke("down").stdout
    second.invoke("nuke", "--yes")

    assert containers.everything(engine, stack.config.name) == before
    assert {service: one.id for service, one in containers.of_lab(engine, stack.config.name).items()} == pids
    assert stack.run_ids() == runs
    assert stack.healthy()
