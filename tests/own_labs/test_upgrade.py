"""A lab whose databases an earlier version made is upgraded; killed on the way, it is as before or goes on."""

import json
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from lab.base.catalogue import LOOPBACK, Service
from lab.base.errors import LabError
from lab.governance.ledger import Status
from lab.governance.ledger.reader import stored_entries
from lab.operations.upgrade import ACTION
from lab.operations.upgrade_mark import Stage, UpgradeMark
from lab.services.postgres import connect
from tests.own_labs.conftest import Starts
from tests.support.disks import small_disk
from tests.support.lab import ROOT, LiveLab
from tests.support.recovery import nothing_lost
from tests.support.waiting import eventually

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]

# The migration before MLflow's newest one, which can be taken back.
EARLIER = "75868b020152"
EARLIER_LAB = Path(__file__).parent / "data" / "earlier_lab.tar.gz"


@pytest.fixture
def earlier(trained: LiveLab) -> LiveLab:
    """A lab as it was before anything said which format its data have, with an earlier MLflow's tables."""
    (trained.home / "format.json").unlink()
    config = trained.config
    at = f"mlflow@{LOOPBACK}:{config.port(Service.POSTGRES)}/mlflow"
    subprocess.run(
        [sys.executable, "-m", "tests.support.earlier_schema", f"postgresql+psycopg2://{at}", EARLIER],
        cwd=ROOT,
        env={**trained.environ, "PGPASSWORD": config.secrets.mlflow_db},
        check=True,
        timeout=300,
    )
    assert revision(trained) == EARLIER
    return trained


def revision(lab: LiveLab) -> str:
    """Which migration MLflow's database has, while PostgreSQL runs."""
    port, password = lab.config.port(Service.POSTGRES), lab.config.secrets.mlflow_db
    with closing(connect(LOOPBACK, port, "mlflow", "mlflow", password)) as link, link.cursor() as cursor:
        cursor.execute("SELECT version_num FROM alembic_version")
        return str(cursor.fetchone()[0])


def reached(lab: LiveLab, stage: Stage) -> bool:
    try:
        found = UpgradeMark(lab.config).read()
    except LabError:
        return False
    return found is not None and found.stage is stage


def migration(upgrade: "subprocess.Popen[str]") -> psutil.Process | None:
    """The process that migrates MLflow's tables."""
    for one in psutil.Process(upgrade.pid).children():
        # One that has just ended has no command line any more.
        with suppress(psutil.Error):
            if "mlflow" in one.cmdline():
                return one
    return None


def outcomes(lab: LiveLab) -> list[Status]:
    return [entry.status for entry in lab.entries() if entry.action == ACTION]


def test_an_upgrade_that_is_killed_or_fails_is_put_back_and_a_later_one_loses_nothing(
    starts: Starts, earlier: LiveLab, tmp_path: Path
) -> None:
    with nothing_lost(earlier):
        # Killed while it backs up: nothing was changed, and the lab is up as it was.
        first = earlier.popen("upgrade", "--output", str(tmp_path / "1.backup.tar.gz"))
        eventually(lambda: reached(earlier, Stage.BACKUP), 120, "an upgrade that backs up")
        kill(first)
        assert earlier.healthy()
        assert outcomes(earlier) == []

        # Its migration is killed: it puts everything back, says so, and the lab is down.
        second = earlier.popen("upgrade", "--output", str(tmp_path / "2.backup.tar.gz"))
        child = eventually(lambda: migration(second), 300, "a migration")
        child.kill()
        said, _ = second.communicate(timeout=900)
        assert second.returncode == 1, said
        assert "The databases are as before, and the lab is down" in said, said
        assert "./run up" in said
        assert not any(state.pid for state in earlier.states().values())

        # Killed itself in the same place, from a lab that is down: `up` doesn't take the half for a whole.
        third = earlier.popen("upgrade", "--output", str(tmp_path / "3.backup.tar.gz"))
        eventually(lambda: migration(third), 300, "a migration")
        assert revision(earlier) == EARLIER
        kill(third)
        refused = earlier.invoke("up", check=False)
        assert refused.returncode == 1
        assert "invoke upgrade" in refused.stderr

        last = earlier.invoke("upgrade", "--json", "--output", str(tmp_path / "4.backup.tar.gz"), timeout=900)
        done = json.loads(last.stdout)
        assert done["migrated"] == ["dagster", "mlflow"]
        assert done["versions"] == len(earlier.versions())
        assert revision(earlier) != EARLIER
        assert outcomes(earlier) == [Status.STARTED, Status.FAILURE] * 2 + [Status.STARTED, Status.SUCCESS]
        assert earlier.verified().unfinished == ()
        assert "nothing to do" in earlier.invoke("up").stdout
        assert starts.lab.json("demo-run")["succeeded"]


def test_a_lab_from_before_there_were_contracts_is_taken_over_with_tables_trail_approvals_and_baseline(
    tmp_path: Path,
) -> None:
    """Made by the last version of which the one model had no contract; its champion was approved by two people.

    MLflow's tables in it are those of `EARLIER`.
    """
    with LiveLab.prepared(tmp_path, "earlier-lab") as lab:
        done = lab.invoke("restore", str(EARLIER_LAB), timeout=900)
        assert "migrated database mlflow" in done.stdout + done.stderr
        assert revision(lab) != EARLIER
        older = lab.versions()
        assert [(one.version, one.aliases, one.tags["approval_state"]) for one in older] == [
            ("2", (), "archived"),
            ("1", ("champion", "staging"), "approved_prod"),
        ]
        assert lab.json("reconcile")["findings"] == []

        # It trains a version on the data of then, too.
        proofs = lab.json("verify-governance")

        assert [proof for proof in proofs if not proof["passed"]] == []
        assert lab.versions()[-2:] == older
        kept, found = dict(entries_in(EARLIER_LAB)), dict(stored_entries(lab.store(), lab.config.audit_prefix))
        assert len(kept) == 34
        assert {key: found[key] for key in kept} == kept
        assert lab.entries()[34].previous_hash == lab.entries()[33].hash


def entries_in(backup: Path) -> Iterator[tuple[str, bytes]]:
    """The audit entries of a backup, by their keys."""
    with tarfile.open(backup) as files:
        lines = files.extractfile("audit/trail.jsonl")
        assert lines
        for line in lines:
            entry = json.loads(line)
            yield entry["key"], entry["body"].encode()


def test_an_upgrade_whose_backup_finds_no_room_changes_nothing(trained: LiveLab, tmp_path: Path) -> None:
    spare = trained
    with nothing_lost(spare), small_disk(tmp_path / "small", 64 << 10) as disk:
        before = outcomes(spare)
        done = spare.invoke("upgrade", "--output", str(disk / "lab.backup.tar.gz"), check=False)
        assert done.returncode == 1
        assert "Nothing was upgraded" in done.stderr
        assert "No space left" in done.stderr
        assert list(disk.iterdir()) == []
        assert outcomes(spare) == before
        assert UpgradeMark(spare.config).read() is None
        assert spare.healthy()


def kill(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
