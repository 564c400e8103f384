"""A run outlives a restart of what it needs, and registers its model once."""

import pytest

from lab import wiring
from lab.base.catalogue import Service
from tests.support.lab import LiveLab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]


@pytest.mark.parametrize("service", [Service.MLFLOW, Service.POSTGRES])
def test_a_run_outlives_a_restart_of_what_it_needs(spare: LiveLab, service: Service) -> None:
    runtime = wiring.runtime(spare.config)
    before = {version.version for version in spare.versions()}
    with spare.popen("demo-run") as process:
        try:
            assert process.stdout
            said: list[str] = []
            for line in process.stdout:
                said.append(line)
                if line.startswith("train_model") and "in_progress" in line:
                    runtime.stop([service])
                    runtime.start(service)
            code = process.wait(300)
        except BaseException:
            process.kill()
            raise
    assert code == 0, "".join(said)
    spare.invoke("up")
    assert len({version.version for version in spare.versions()} - before) == 1
