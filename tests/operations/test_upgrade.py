"""An upgrade ends whole, or as if it had never begun, wherever it fails or is killed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.base.errors import LabError
from lab.governance.ledger import Head, Status
from lab.operations.backup import Backup
from lab.operations.backup_manifest import Counts
from lab.operations.upgrade import Upgrade, Verified
from lab.operations.upgrade_mark import Begun, Stage, UpgradeMark, alone, leftovers, refuse_half_upgraded
from lab.runtime import stored_format
from lab.runtime.stored_format import StoredFormat
from tests.support.played_lab import config

OLD, NEW = StoredFormat(1, {"mlflow": "3.16.0"}, "git:abc123+dirty lock:1"), StoredFormat(1, {"mlflow": "3.17.2"})
ORDER = ("back_up", "record started", "change", "verify", "open", "record success")


class Killed(BaseException):
    """As kill -9: nobody tidies up."""


@dataclass
class Lab:
    """A lab whose data are `data`; a step named in `breaks` raises that, after it has done half of its work."""

    data: str = "old"
    saved: dict[str, str] = field(default_factory=dict)
    did: list[str] = field(default_factory=list)
    breaks: dict[str, BaseException] = field(default_factory=dict)
    since: str = ""
    told: list[Mapping[str, object]] = field(default_factory=list)

    def _do(self, step: str, half: str = "") -> None:
        self.did.append(step)
        if step in self.breaks:
            self.data = half or self.data
            raise self.breaks.pop(step)

    def before(self) -> StoredFormat | None:
        return OLD if self.data == "old" else NEW

    def back_up(self) -> Backup:
        self._do("back_up")
        self.saved["b"] = self.data
        return Backup("b", "5a", 1, "here", "native", "", Counts(1, 1, 1), 1, Head(1, "h"), (), 0.1)

    def record(self, status: Status, details: Mapping[str, object]) -> None:
        self._do(f"record {status}")
        self.told.append(details)

    def change(self) -> Sequence[str]:
        self._do("change", half="half")
        self.data = "new"
        return ("mlflow",)

    def verify(self, made: Backup) -> Verified:
        self._do("verify")
        return Verified(12, 1)

    def open(self) -> StoredFormat:
        self._do("open")
        return NEW

    def put_back(self, backup: Path, reason: str) -> None:
        self._do("put_back", half="empty")
        self.data = self.saved[str(backup)]
        self.record(Status.FAILURE, {"reason": reason})

    def made_since(self, backup: Path) -> str:
        return self.since


def upgrade(tmp_path: Path, lab: Lab) -> Upgrade:
    return Upgrade("here", Path("b"), lab, UpgradeMark(config(tmp_path)), lambda _: None)


def test_an_upgrade_backs_up_records_changes_verifies_and_opens_in_this_order(tmp_path: Path) -> None:
    lab = Lab()
    done = upgrade(tmp_path, lab).run()
    assert lab.did == list(ORDER)
    assert (done.migrated, done.entries, done.versions, done.before, done.now) == (("mlflow",), 12, 1, OLD, NEW)
    assert done.earlier == "abc123"
    assert UpgradeMark(config(tmp_path)).read() is None


@pytest.mark.parametrize("step", ["back_up", "record started"])
def test_what_fails_before_anything_changed_changes_nothing_and_says_so(tmp_path: Path, step: str) -> None:
    lab = Lab(breaks={step: LabError("No space left on device.")})
    with pytest.raises(LabError, match=r"Nothing was upgraded. No space"):
        upgrade(tmp_path, lab).run()
    assert lab.data == "old"
    assert not {"change", "put_back"} & set(lab.did)
    assert UpgradeMark(config(tmp_path)).read() is None


@pytest.mark.parametrize("step", ["change", "verify", "open"])
def test_what_fails_later_is_put_back_and_recorded_and_names_the_line_to_type(tmp_path: Path, step: str) -> None:
    lab = Lab(breaks={step: LabError("It broke.")})
    with pytest.raises(LabError, match=r"The upgrade failed: It broke.\nThe databases are as before") as caught:
        upgrade(tmp_path, lab).run()
    assert "git checkout abc123" in caught.value.remedy
    assert "./run up" in caught.value.remedy
    assert lab.data == "old"
    assert lab.told[-1] == {"reason": "It broke."}
    assert UpgradeMark(config(tmp_path)).read() is None


@pytest.mark.parametrize("step", ORDER)
def test_after_a_kill_the_next_upgrade_puts_back_what_was_changed_and_begins_anew(tmp_path: Path, step: str) -> None:
    lab = Lab(breaks={step: Killed()})
    with pytest.raises(Killed):
        upgrade(tmp_path, lab).run()
    changed = step not in {"back_up", "record started"}
    mark = UpgradeMark(config(tmp_path)).read()
    assert mark is not None
    assert (mark.stage is Stage.CHANGING) is changed
    lab.did.clear()

    upgrade(tmp_path, lab).run()

    assert lab.did == (["put_back", "record failure"] if changed else []) + list(ORDER)
    assert lab.data == "new"
    assert UpgradeMark(config(tmp_path)).read() is None


def test_a_kill_while_it_is_put_back_is_put_back_again(tmp_path: Path) -> None:
    lab = Lab(breaks={"change": LabError("It broke."), "put_back": Killed()})
    with pytest.raises(Killed):
        upgrade(tmp_path, lab).run()
    assert lab.data == "empty"
    assert upgrade(tmp_path, lab).put_back_interrupted()
    assert lab.data == "old"
    assert not upgrade(tmp_path, lab).put_back_interrupted()


def test_what_cannot_be_put_back_stays_marked_and_names_both_ways_out(tmp_path: Path) -> None:
    lab = Lab(breaks={"verify": LabError("It broke."), "put_back": LabError("No room.")})
    with pytest.raises(LabError, match=r"couldn't be put back: No room\.") as caught:
        upgrade(tmp_path, lab).run()
    assert "--put-back" in caught.value.remedy
    assert "invoke restore b" in caught.value.remedy
    assert UpgradeMark(config(tmp_path)).read() == Begun(Stage.CHANGING, "b", OLD.code)


def test_what_was_made_since_is_never_lost_by_putting_back(tmp_path: Path) -> None:
    lab = Lab(breaks={"record success": Killed()})
    with pytest.raises(Killed):
        upgrade(tmp_path, lab).run()
    lab.since = "1 runs"
    lab.did.clear()
    assert not upgrade(tmp_path, lab).put_back_interrupted()
    assert lab.did == ["record failure"]
    assert lab.data == "new"


def test_a_half_upgraded_lab_is_refused_and_one_that_only_backed_up_is_not(tmp_path: Path) -> None:
    lab = config(tmp_path)
    UpgradeMark(lab).set(Begun(Stage.BACKUP, "b"))
    refuse_half_upgraded(lab)
    UpgradeMark(lab).set(Begun(Stage.CHANGING, "b"))
    with pytest.raises(LabError, match="was interrupted") as caught:
        refuse_half_upgraded(lab)
    assert "--put-back" in caught.value.remedy


def test_a_mark_that_cannot_be_read_is_no_licence_to_go_on(tmp_path: Path) -> None:
    lab = config(tmp_path)
    UpgradeMark(lab).set(Begun(Stage.CHANGING, "b"))
    (lab.home / "upgrading.json").write_text('{"stage": "later"}')
    with pytest.raises(LabError, match="how far an upgrade came"):
        refuse_half_upgraded(lab)


def test_a_second_upgrade_is_refused_at_once(tmp_path: Path) -> None:
    lab = config(tmp_path)
    with alone(lab), pytest.raises(LabError, match="Another upgrade"), alone(lab):
        pass
    with alone(lab):
        pass


def test_what_a_killed_backup_leaves_is_known_by_its_name(tmp_path: Path) -> None:
    mine, other = tmp_path / ".backup-a.tar.gz-x1", tmp_path / ".backup-b.tar.gz-x1"
    mine.mkdir()
    other.mkdir()
    assert list(leftovers(tmp_path / "a.tar.gz")) == [mine]


def formats(tmp_path: Path, had: StoredFormat) -> None:
    lab = config(tmp_path)
    stored_format.write(lab)
    path = lab.home / "format.json"
    now = stored_format.recorded(lab)
    assert now is not None
    versions = {name: had.versions.get(name, number) for name, number in now.versions.items()}
    text = path.read_text().replace(f'"format": {now.format}', f'"format": {had.format}')
    for name, number in versions.items():
        text = text.replace(f'"{name}": "{now.versions[name]}"', f'"{name}": "{number}"')
    path.write_text(text)


def test_data_of_the_same_format_or_of_none_are_no_reason_to_refuse(tmp_path: Path) -> None:
    stored_format.refuse_other(config(tmp_path))
    stored_format.write(config(tmp_path))
    stored_format.refuse_other(config(tmp_path))


@pytest.mark.parametrize(
    ("had", "remedy"),
    [
        (StoredFormat(stored_format.FORMAT, {"mlflow": "3.16.9"}), "invoke upgrade"),
        (StoredFormat(stored_format.FORMAT, {"dagster": "1.12.0"}), "invoke upgrade"),
        (StoredFormat(stored_format.FORMAT, {"mlflow": "3.170.0"}), "git checkout"),
        (StoredFormat(stored_format.FORMAT + 1), "git checkout"),
    ],
)
def test_older_data_need_an_upgrade_and_newer_ones_their_own_code(
    tmp_path: Path, had: StoredFormat, remedy: str
) -> None:
    formats(tmp_path, had)
    with pytest.raises(LabError, match="The lab's data have format") as caught:
        stored_format.refuse_other(config(tmp_path))
    assert remedy in caught.value.remedy


def test_a_format_that_cannot_be_read_is_not_guessed(tmp_path: Path) -> None:
    stored_format.write(config(tmp_path))
    (config(tmp_path).home / "format.json").write_text("[]")
    with pytest.raises(LabError, match="doesn't say which format"):
        stored_format.refuse_other(config(tmp_path))


def test_a_backup_says_which_versions_made_its_data_and_not_which_wrote_it(tmp_path: Path) -> None:
    lab = config(tmp_path)
    assert stored_format.versions_of_data(lab) == {"dagster": "", "mlflow": ""}
    formats(tmp_path, StoredFormat(stored_format.FORMAT, {"mlflow": "3.16.9"}))
    assert stored_format.versions_of_data(lab)["mlflow"] == "3.16.9"
    assert stored_format.versions_of_data(lab)["dagster"] == stored_format.installed("dagster")
