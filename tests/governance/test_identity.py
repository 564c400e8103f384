"""Identities: the first on trust, every other one by signature; file and trail agree, or it is said."""

from pathlib import Path

import pytest

from lab.base.errors import LabError, NotFound, PolicyDenied, UsageError
from lab.governance.cases.signing import read_signers, signers_path
from lab.governance.ledger import Status
from lab.governance.rules.policy import Role
from lab.governance.rules.policy_file import hash_in_force
from lab.governance.rules.signers import make_line
from lab.services.ssh import read_public_key
from tests.operations.desk import ADMIN, ENGINEER, OFFICER, Desk
from tests.support.keys import make_key, public_text, rewritten, stock_verify


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def names(desk: Desk) -> list[str]:
    return [one.name for one in desk.registrar(ADMIN).listed()]


def test_the_first_identity_is_taken_on_trust_and_recorded_so(desk: Desk) -> None:
    assert names(desk) == []
    change = desk.registrar(ADMIN).add(ADMIN, desk.keys[ADMIN], ["platform-admin"], "first")
    entry = desk.store.entries[-1]
    assert (entry.action, entry.status, entry.owner, entry.environment) == ("identity", "success", ADMIN, "prod")
    assert entry.details["bootstrap"] is True
    assert entry.details["line"] == change.lines[0]
    assert read_signers(desk.config) == desk.history().identities.signers
    assert signers_path(desk.config) == desk.config.home / "governance" / "allowed_signers"


def test_the_first_identity_must_be_able_to_add_others(desk: Desk) -> None:
    with pytest.raises(PolicyDenied, match="nobody could add a second one"):
        desk.registrar(ADMIN).add(OFFICER, desk.keys[OFFICER], ["risk-officer"], "first")
    assert desk.store.entries[-1].status is Status.REFUSED
    assert not signers_path(desk.config).exists()


def test_every_later_change_is_signed_and_stock_ssh_keygen_verifies_it(desk: Desk, tmp_path: Path) -> None:
    desk.staffed()
    entry = desk.store.entries[2]
    from lab.governance.rules.approval_states import parse_identity_statement

    message = parse_identity_statement(entry.details["statement"]).body()
    known = read_signers(desk.config)
    assert stock_verify(tmp_path, message, entry.details["signature"], known, ADMIN)
    assert stock_verify(tmp_path, message, entry.details["signature"], known, "role=platform-admin")
    assert names(desk) == [ADMIN, OFFICER, ENGINEER]
    assert desk.history().ignored == ()


@pytest.mark.parametrize("by", [OFFICER, ENGINEER])
def test_only_who_may_change_identities_can(desk: Desk, tmp_path: Path, by: str) -> None:
    desk.staffed()
    mine = make_key(tmp_path, "ed25519", "mine")
    with pytest.raises(PolicyDenied, match="may not identity in prod"):
        desk.registrar(by).add("mine@example.com", mine, ["platform-admin"], "let me in")
    with pytest.raises(PolicyDenied):
        desk.registrar(by).remove(ADMIN, "out with him")
    assert names(desk) == [ADMIN, OFFICER, ENGINEER]


def test_an_unknown_key_adds_nobody(desk: Desk, tmp_path: Path) -> None:
    desk.staffed()
    desk.keys["eve@example.com"] = make_key(tmp_path, "ed25519", "eve")
    with pytest.raises(PolicyDenied, match="is nobody's"):
        desk.registrar("eve@example.com").add("eve@example.com", desk.keys["eve@example.com"], ["platform-admin"], "hi")


def test_entries_written_past_the_commands_do_not_count(desk: Desk) -> None:
    """A second bootstrap, and an addition signed once and copied."""
    desk.staffed()
    first, second, _ = (entry for entry in desk.store.entries if entry.action == "identity")
    desk.copy(first)
    desk.copy(second)
    desk.registrar(ADMIN).remove(OFFICER, "left")
    desk.copy(second)
    assert [one.name for one in desk.history().identities.signers] == [ADMIN, ENGINEER]
    assert len(desk.history().ignored) == 3


def test_a_removed_identity_leaves_file_and_trail(desk: Desk) -> None:
    desk.staffed()
    before = hash_in_force(desk.config.policy, desk.config.governance)
    desk.registrar(ADMIN).remove(OFFICER, "left the bank")
    assert names(desk) == [ADMIN, ENGINEER]
    assert OFFICER not in signers_path(desk.config).read_text()
    assert hash_in_force(desk.config.policy, desk.config.governance) != before
    with pytest.raises(NotFound):
        desk.registrar(ADMIN).remove(OFFICER, "again")


def test_the_last_one_who_can_change_identities_stays(desk: Desk) -> None:
    desk.staffed()
    with pytest.raises(PolicyDenied, match="the last one"):
        desk.registrar(ADMIN).remove(ADMIN, "locked out")


def test_a_key_belongs_to_one_name_for_good(desk: Desk) -> None:
    desk.staffed()
    with pytest.raises(PolicyDenied, match="known already"):
        desk.registrar(ADMIN).add("other@example.com", desk.keys[OFFICER], ["ml-engineer"], "second name")
    desk.registrar(ADMIN).remove(OFFICER, "left")
    with pytest.raises(PolicyDenied, match=r"was olga@example\.com's"):
        desk.registrar(ADMIN).add("other@example.com", desk.keys[OFFICER], ["ml-engineer"], "second name")
    desk.registrar(ADMIN).add(OFFICER, desk.keys[OFFICER], ["risk-officer"], "back again")
    assert OFFICER in names(desk)


def test_somebody_may_have_several_keys(desk: Desk, tmp_path: Path) -> None:
    desk.staffed()
    desk.registrar(ADMIN).add(OFFICER, make_key(tmp_path, "ecdsa"), ["risk-officer"], "a second laptop")
    assert names(desk).count(OFFICER) == 2
    assert len(desk.registrar(ADMIN).remove(OFFICER, "left").entries) == 2
    assert names(desk) == [ADMIN, ENGINEER]


@pytest.mark.parametrize("name", ["Olga@Example.com", "OLGA@EXAMPLE.COM", "olga@example.com."])
def test_one_name_in_two_spellings_is_one_identity(desk: Desk, tmp_path: Path, name: str) -> None:
    desk.staffed()
    other = make_key(tmp_path, "ecdsa")
    with pytest.raises(PolicyDenied, match="same name in another spelling") as caught:
        desk.registrar(ADMIN).add(name, other, ["risk-officer"], "a second olga")
    assert "Audit entry" in caught.value.message
    path = signers_path(desk.config)
    line = make_line(name, [Role.RISK_OFFICER], read_public_key(other))
    path.write_text(f"{path.read_text()}{line}\n")
    with pytest.raises(UsageError, match=r"allowed_signers, line 5: .* are one name in two spellings"):
        read_signers(desk.config)
    path.write_text(path.read_text().replace(f"{line}\n", ""))
    desk.registrar(ADMIN).remove(name, "she left")
    assert names(desk) == [ADMIN, ENGINEER]


def test_a_key_in_another_encoding_is_the_same_key(desk: Desk, tmp_path: Path) -> None:
    desk.staffed()
    rsa = make_key(tmp_path, "rsa")
    desk.registrar(ADMIN).add("rita@example.com", rsa, ["risk-officer"], "rita")
    entries = len(desk.store.entries)
    twin = tmp_path / "twin.pub"
    twin.write_text(public_text(rewritten(read_public_key(rsa), zeros=1)))
    with pytest.raises(UsageError, match="zeros in front"):
        desk.registrar(ADMIN).add("eve@example.com", twin, ["risk-officer"], "a second person")
    twin.write_text(public_text(rewritten(read_public_key(rsa), exponent=3)))
    with pytest.raises(PolicyDenied, match="is known already"):
        desk.registrar(ADMIN).add("eve@example.com", twin, ["risk-officer"], "a second person")
    assert [entry.status for entry in desk.store.entries[entries:]] == [Status.REFUSED]


def test_a_key_that_proves_nothing_is_refused_before_anything_happens(desk: Desk, tmp_path: Path) -> None:
    for kind, said in (("rsa-1024", "has 1024 bits, and 2048 are the least"), ("ed25519", "anybody can make")):
        public = make_key(tmp_path, kind, f"weak-{kind}").with_suffix(".pub")
        if kind == "ed25519":
            public.write_text(public_text(read_public_key(public), point=bytes([1, *[0] * 31])))
        with pytest.raises(UsageError, match=said):
            desk.registrar(ADMIN).add(ADMIN, public, ["platform-admin"], "first")
    assert desk.store.entries == []
    assert not signers_path(desk.config).exists()


def test_adding_the_same_line_again_repairs_the_file_without_an_entry(desk: Desk) -> None:
    desk.staffed()
    signers_path(desk.config).unlink()
    assert {one.problem.partition(":")[0] for one in desk.registrar(ADMIN).listed()} == {"not in the file as audited"}
    change = desk.registrar(ADMIN).add(OFFICER, desk.keys[OFFICER], ["risk-officer"], "again")
    assert change.entries == ()
    assert all(not one.problem for one in desk.registrar(ADMIN).listed())


def test_keys_put_into_the_file_by_hand_are_listed_and_never_overwritten(desk: Desk, tmp_path: Path) -> None:
    desk.staffed()
    public = make_key(tmp_path, "ed25519", "eve").with_name("eve.pub").read_text()
    path = signers_path(desk.config)
    path.write_text(f"{path.read_text()}eve@example.com,role=risk-officer {public}")
    assert [one.name for one in desk.registrar(ADMIN).listed() if "by hand" in one.problem] == ["eve@example.com"]
    with pytest.raises(LabError, match=r"doesn't know: eve@example\.com"):
        desk.registrar(ADMIN).remove(OFFICER, "left")
    assert "eve@example.com" in path.read_text()


def test_what_is_no_identity_is_refused_before_anything_happens(desk: Desk, tmp_path: Path) -> None:
    key = desk.keys[ADMIN]
    with pytest.raises(UsageError, match="needs a role"):
        desk.registrar(ADMIN).add(ADMIN, key, [], "first")
    with pytest.raises(UsageError, match="--role: 'king'"):
        desk.registrar(ADMIN).add(ADMIN, key, ["king"], "first")
    with pytest.raises(UsageError, match="no name"):
        desk.registrar(ADMIN).add("a*", key, ["platform-admin"], "first")
    with pytest.raises(UsageError, match="--reason"):
        desk.registrar(ADMIN).add(ADMIN, key, ["platform-admin"], " ")
    with pytest.raises(LabError, match="Can't read the public key"):
        desk.registrar(ADMIN).add(ADMIN, tmp_path / "absent", ["platform-admin"], "first")
    assert desk.store.entries == []


def test_a_broken_trail_admits_nobody(desk: Desk) -> None:
    desk.staffed()
    key = sorted(desk.store.objects)[1]
    desk.store.objects[key] = desk.store.objects[key].replace(b"reason", b"REASON", 1)
    with pytest.raises(LabError, match="can't be trusted"):
        desk.registrar(ADMIN).remove(ENGINEER, "left")
