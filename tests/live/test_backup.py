"""A live lab goes into a file, and comes back as another lab: other home, other ports, everything there."""

import gzip
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab import wiring
from lab.base import last_backup
from lab.base.catalogue import Service
from lab.base.progress import Progress
from lab.base.runs import SCHEDULE
from lab.config import LabConfig
from lab.governance.ledger.reader import stored_entries
from lab.operations.backup import back_up
from lab.operations.backup_file import BackupFile
from lab.operations.own_lab import KEY
from lab.operations.restore_guard import RestoreMark
from lab.services.s3 import READER, S3
from tests.support.lab import LiveLab
from tests.support.launching import REPOSITORY, launch
from tests.support.waiting import eventually

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def made(live: LiveLab, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `backup --json` says of the session's lab."""
    done: dict[str, Any] = live.json("backup", "--output", str(tmp_path_factory.mktemp("backup") / "b"))
    return done


@pytest.fixture
def new_lab(live: LiveLab, tmp_path: Path) -> Iterator[LiveLab]:
    """A lab to restore into; of the same name, because signed decisions of other tests count only there."""
    with LiveLab.prepared(tmp_path, live.config.name) as lab:
        yield lab


def stored(lab: LiveLab) -> dict[str, bytes]:
    """The audit trail, byte for byte."""
    return dict(stored_entries(lab.store(), lab.config.audit_prefix))


def objects(config: LabConfig) -> dict[str, str]:
    s3 = S3.of_lab(config, READER, timeout_s=30)
    buckets = (config.data_bucket, config.artifact_bucket)
    # Whose store it is doesn't come from the backup.
    keys = [(bucket, key) for bucket in buckets for key in s3.objects(bucket) if key != KEY]
    return {f"{bucket}/{key}": s3.sha256(bucket, key) for bucket, key in keys}


def schedule(lab: LiveLab) -> str:
    query = """query($schedule: ScheduleSelector!) {
      scheduleOrError(scheduleSelector: $schedule) {... on Schedule {scheduleState {status}}}}"""
    found = lab.graphql(query, schedule={**REPOSITORY, "scheduleName": SCHEDULE})
    return str(found["scheduleOrError"]["scheduleState"]["status"])


def steps(lab: LiveLab, run_id: str) -> dict[str, str]:
    query = "query($id: ID!) {runOrError(runId: $id) {... on Run {stepStats {stepKey status}}}}"
    return {step["stepKey"]: step["status"] for step in lab.graphql(query, id=run_id)["runOrError"]["stepStats"]}


def holds(lab: LiveLab, source: LiveLab) -> None:
    """Whether everything of `source` is in `lab`."""
    assert lab.run_ids() == source.run_ids()
    assert {run: steps(lab, run) for run in lab.run_ids()} == {run: steps(source, run) for run in source.run_ids()}
    assert lab.versions() == source.versions()
    assert stored(lab) == stored(source)
    assert objects(lab.config) == objects(source.config)
    assert schedule(lab) == schedule(source)
    run, picture = source.versions()[0].run_id, "plots/roc.png"
    answers = [
        one.get(Service.MLFLOW, "/get-artifact", params={"run_id": run, "path": picture}) for one in (lab, source)
    ]
    assert answers[0].content == answers[1].content
    assert answers[0].content.startswith(b"\x89PNG")


def test_a_backup_holds_what_it_says_and_no_secret(live: LiveLab, made: dict[str, Any]) -> None:
    file = Path(made["file"])
    assert made["counts"]["entries"] == made["head"]["seq"] == live.verified().checked
    assert made["faults"] == []
    assert file.stat().st_mode & 0o777 == 0o600
    manifest = BackupFile(file).verify()
    assert manifest.head.hash == made["head"]["hash"]
    content = gzip.decompress(file.read_bytes())
    assert content.count(b"CreditRiskModel") > 0
    assert [name for name, value in vars(live.config.secrets).items() if value.encode() in content] == []
    again = live.invoke("backup", "--output", str(file), check=False)
    assert again.returncode == 1
    assert "exists already" in again.stderr
    # Exporters tell of it, so that one that is too old alarms.
    assert last_backup.read(live.config.witness) > 0


def test_an_empty_lab_becomes_the_one_in_the_backup_also_after_a_killed_restore_and_goes_on_from_there(
    live: LiveLab, made: dict[str, Any], new_lab: LiveLab
) -> None:
    new_lab.invoke("up")
    killed_restore_leaves_no_lab(new_lab, made["file"])

    done = new_lab.json("restore", made["file"])

    assert done["succeeded"], done["faults"]
    assert not RestoreMark(new_lab.config).there()
    assert done["counts"] == made["counts"]
    assert done["heads"] > 0
    assert (done["from_lab"], done["lab"]) == (live.config.name, new_lab.config.name)
    holds(new_lab, live)
    before = new_lab.verified().checked
    assert new_lab.json("demo-run")["succeeded"]
    assert new_lab.verified().intact
    assert new_lab.entries()[before].previous_hash == made["head"]["hash"]
    assert int(new_lab.versions()[0].version) == int(live.versions()[0].version) + 1
    assert all(proof["passed"] for proof in new_lab.json("verify-governance", "--only", "ledger"))

    refused = new_lab.invoke("restore", made["file"], check=False)

    assert refused.returncode == 1
    assert "This lab is in use" in refused.stderr
    assert new_lab.verified().checked > before
    waiting_run_keeps_a_backup_from_being_made(new_lab)


def killed_restore_leaves_no_lab(lab: LiveLab, file: str) -> None:
    with lab.popen("restore", file) as first:
        mark = RestoreMark(lab.config)
        eventually(mark.there, 120, "a restore that has begun")
        os.killpg(first.pid, signal.SIGKILL)
    assert mark.there()
    refused = lab.invoke("up", check=False)
    assert refused.returncode == 1
    assert "A restore of this lab was interrupted" in refused.stderr


def waiting_run_keeps_a_backup_from_being_made(lab: LiveLab) -> None:
    target = lab.folder / "busy"
    with suspended(psutil.Process(lab.pids()[Service.DAGSTER_DAEMON])):
        run_id = launch(lab)
        done = lab.invoke("backup", "--output", str(target), check=False)
        assert done.returncode == 1
        assert "under way" in done.stderr
        assert not target.exists()
    assert lab.finished(run_id) == "SUCCESS"


@contextmanager
def suspended(process: psutil.Process) -> Iterator[None]:
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def test_a_damaged_backup_changes_nothing(made: dict[str, Any], new_lab: LiveLab) -> None:
    file = new_lab.folder / "damaged"
    whole = Path(made["file"]).read_bytes()
    file.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])

    done = new_lab.invoke("restore", str(file), check=False)

    assert done.returncode == 1
    assert "damaged" in done.stderr
    assert "Traceback" not in done.stderr
    assert not new_lab.home.exists()
    assert not new_lab.config.env_file.exists()


def test_an_interrupted_backup_leaves_nothing(live: LiveLab, tmp_path: Path) -> None:
    def interrupted(progress: Progress) -> None:
        if progress.subject.startswith("bucket"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up(live.config, "native", wiring.binaries().postgres_folder(), tmp_path / "b", interrupted)
    assert list(tmp_path.iterdir()) == []


def test_a_backup_that_nobody_can_write_is_explained(live: LiveLab, tmp_path: Path) -> None:
    for target, said in ((tmp_path / "no" / "b", "There is no folder"), (live.home / "b", "lies in the lab's home")):
        done = live.invoke("backup", "--output", str(target), check=False)
        assert done.returncode == 1
        assert said in done.stderr
