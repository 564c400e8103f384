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
from tests.support.governed_lab import ADMIN, ENGINEER, OFFICER, GovernedLab
from tests.support.keys import make_key, public_text, rewritten, stock_verify


@pytest.fixture
def governed(tmp_path: Path) -> GovernedLab:
    return GovernedLab(tmp_path)


def names(governed: GovernedLab) -> list[str]:
    return [one.name for one in governed.registrar(ADMIN).listed()]


def test_the_first_identity_is_taken_on_trust_and_recorded_so(governed: GovernedLab) -> None:
    assert names(governed) == []
    change = governed.registrar(ADMIN).add(ADMIN, governed.keys[ADMIN], ["platform-admin"], "first")
    entry = governed.store.entries[-1]
    assert (entry.action, entry.status, entry.owner, entry.environment) == ("identity", "success", ADMIN, "prod")
    assert entry.details["bootstrap"] is True
    assert entry.details["line"] == change.lines[0]
    assert read_signers(governed.config) == governed.history().identities.signers
    assert signers_path(governed.config) == governed.config.home / "governance" / "allowed_signers"


def test_the_first_identity_must_be_able_to_add_others(governed: GovernedLab) -> None:
    with pytest.raises(PolicyDenied, match="nobody could add a second one"):
        governed.registrar(ADMIN).add(OFFICER, governed.keys[OFFICER], ["risk-officer"], "first")
    assert governed.store.entries[-1].status is Status.REFUSED
    assert not signers_path(governed.config).exists()


def test_every_later_change_is_signed_and_stock_ssh_keygen_verifies_it(governed: GovernedLab, tmp_path: Path) -> None:
    governed.staffed()
    entry = governed.store.entries[2]
    from lab.governance.rules.approval_states import parse_identity_statement

    message = parse_identity_statement(entry.details["statement"]).body()
    known = read_signers(governed.config)
    assert stock_verify(tmp_path, message, entry.details["signature"], known, ADMIN)
    assert stock_verify(tmp_path, message, entry.details["signature"], known, "role=platform-admin")
    assert names(governed) == [ADMIN, OFFICER, ENGINEER]
    assert governed.history().ignored == ()


@pytest.mark.parametrize("by", [OFFICER, ENGINEER])
def test_only_who_may_change_identities_can(governed: GovernedLab, tmp_path: Path, by: str) -> None:
    governed.staffed()
    mine = make_key(tmp_path, "ed25519", "mine")
    with pytest.raises(PolicyDenied, match="may not change identities in prod"):
        governed.registrar(by).add("mine@example.com", mine, ["platform-admin"], "let me in")
    with pytest.raises(PolicyDenied):
        governed.registrar(by).remove(ADMIN, "out with him")
    assert names(governed) == [ADMIN, OFFICER, ENGINEER]


def test_an_unknown_key_adds_nobody(governed: GovernedLab, tmp_path: Path) -> None:
    governed.staffed()
    governed.keys["eve@example.com"] = make_key(tmp_path, "ed25519", "eve")
    with pytest.raises(PolicyDenied, match="is nobody's"):
        governed.registrar("eve@example.com").add(
            "eve@example.com", governed.keys["eve@example.com"], ["platform-admin"], "hi"
        )


def test_entries_written_past_the_commands_do_not_count(governed: GovernedLab) -> None:
    """A second bootstrap, and an addition signed once and copied."""
    governed.staffed()
    first, second, _ = (entry for entry in governed.store.entries if entry.action == "identity")
    governed.copy(first)
    governed.copy(second)
    governed.registrar(ADMIN).remove(OFFICER, "left")
    governed.copy(second)
    assert [one.name for one in governed.history().identities.signers] == [ADMIN, ENGINEER]
    assert len(governed.history().ignored) == 3


def test_a_removed_identity_leaves_file_and_trail(governed: GovernedLab) -> None:
    governed.staffed()
    before = hash_in_force(governed.config.policy, governed.config.governance)
    governed.registrar(ADMIN).remove(OFFICER, "left the bank")
    assert names(governed) == [ADMIN, ENGINEER]
    assert OFFICER not in signers_path(governed.config).read_text()
    assert hash_in_force(governed.config.policy, governed.config.governance) != before
    with pytest.raises(NotFound):
        governed.registrar(ADMIN).remove(OFFICER, "again")


def test_the_last_one_who_can_change_identities_stays(governed: GovernedLab) -> None:
    governed.staffed()
    with pytest.raises(PolicyDenied, match="the last one"):
        governed.registrar(ADMIN).remove(ADMIN, "locked out")


def test_a_key_belongs_to_one_name_for_good(governed: GovernedLab) -> None:
    governed.staffed()
    with pytest.raises(PolicyDenied, match="known already"):
        governed.registrar(ADMIN).add("other@example.com", governed.keys[OFFICER], ["ml-engineer"], "second name")
    governed.registrar(ADMIN).remove(OFFICER, "left")
    with pytest.raises(PolicyDenied, match=r"was olga@example\.com's"):
        governed.registrar(ADMIN).add("other@example.com", governed.keys[OFFICER], ["ml-engineer"], "second name")
    governed.registrar(ADMIN).add(OFFICER, governed.keys[OFFICER], ["risk-officer"], "back again")
    assert OFFICER in names(governed)


def test_somebody_may_have_several_keys(governed: GovernedLab, tmp_path: Path) -> None:
    governed.staffed()
    governed.registrar(ADMIN).add(OFFICER, make_key(tmp_path, "ecdsa"), ["risk-officer"], "a second laptop")
    assert names(governed).count(OFFICER) == 2
    assert len(governed.registrar(ADMIN).remove(OFFICER, "left").entries) == 2
    assert names(governed) == [ADMIN, ENGINEER]


@pytest.mark.parametrize("name", ["Olga@Example.com", "OLGA@EXAMPLE.COM", "olga@example.com."])
def test_one_name_in_two_spellings_is_one_identity(governed: GovernedLab, tmp_path: Path, name: str) -> None:
    governed.staffed()
    other = make_key(tmp_path, "ecdsa")
    with pytest.raises(PolicyDenied, match="same name in another spelling") as caught:
        governed.registrar(ADMIN).add(name, other, ["risk-officer"], "a second olga")
    assert "Audit entry" in caught.value.message
    path = signers_path(governed.config)
    line = make_line(name, [Role.RISK_OFFICER], read_public_key(other))
    path.write_text(f"{path.read_text()}{line}\n")
    with pytest.raises(UsageError, match=r"allowed_signers, line 5: .* are one name in two spellings"):
        read_signers(governed.config)
    path.write_text(path.read_text().replace(f"{line}\n", ""))
    governed.registrar(ADMIN).remove(name, "she left")
    assert names(governed) == [ADMIN, ENGINEER]


def test_a_key_in_another_encoding_is_the_same_key(governed: GovernedLab, tmp_path: Path) -> None:
    governed.staffed()
    rsa = make_key(tmp_path, "rsa")
    governed.registrar(ADMIN).add("rita@example.com", rsa, ["risk-officer"], "rita")
    entries = len(governed.store.entries)
    twin = tmp_path / "twin.pub"
    twin.write_text(public_text(rewritten(read_public_key(rsa), zeros=1)))
    with pytest.raises(UsageError, match="zeros in front"):
        governed.registrar(ADMIN).add("eve@example.com", twin, ["risk-officer"], "a second person")
    twin.write_text(public_text(rewritten(read_public_key(rsa), exponent=3)))
    with pytest.raises(PolicyDenied, match="is known already"):
        governed.registrar(ADMIN).add("eve@example.com", twin, ["risk-officer"], "a second person")
    assert [entry.status for entry in governed.store.entries[entries:]] == [Status.REFUSED]


def test_a_key_that_proves_nothing_is_refused_before_anything_happens(governed: GovernedLab, tmp_path: Path) -> None:
    for kind, said in (("rsa-1024", "has 1024 bits, and 2048 are the least"), ("ed25519", "anybody can make")):
        public = make_key(tmp_path, kind, f"weak-{kind}").with_suffix(".pub")
        if kind == "ed25519":
            public.write_text(public_text(read_public_key(public), point=bytes([1, *[0] * 31])))
        with pytest.raises(UsageError, match=said):
            governed.registrar(ADMIN).add(ADMIN, public, ["platform-admin"], "first")
    assert governed.store.entries == []
    assert not signers_path(governed.config).exists()


def test_adding_the_same_line_again_repairs_the_file_without_an_entry(governed: GovernedLab) -> None:
    governed.staffed()
    signers_path(governed.config).unlink()
    assert {one.problem.partition(":")[0] for one in governed.registrar(ADMIN).listed()} == {
        "not in the file as audited"
    }
    change = governed.registrar(ADMIN).add(OFFICER, governed.keys[OFFICER], ["risk-officer"], "again")
    assert change.entries == ()
    assert all(not one.problem for one in governed.registrar(ADMIN).listed())


def test_a_file_that_cannot_be_written_is_mended_by_what_the_error_says(governed: GovernedLab) -> None:
    governed.staffed()
    path, registrar = signers_path(governed.config), governed.registrar(ADMIN)
    path.unlink()
    path.mkdir()
    with pytest.raises(LabError, match="can't be written") as caught:
        registrar.add(OFFICER, governed.keys[OFFICER], ["risk-officer"], "again")
    assert "invoke identity-add" in caught.value.remedy
    path.rmdir()
    registrar.add(OFFICER, governed.keys[OFFICER], ["risk-officer"], "again")
    assert all(not one.problem for one in registrar.listed())


def test_keys_put_into_the_file_by_hand_are_listed_and_never_overwritten(governed: GovernedLab, tmp_path: Path) -> None:
    governed.staffed()
    public = make_key(tmp_path, "ed25519", "eve").with_name("eve.pub").read_text()
    path = signers_path(governed.config)
    path.write_text(f"{path.read_text()}eve@example.com,role=risk-officer {public}")
    assert [one.name for one in governed.registrar(ADMIN).listed() if "by hand" in one.problem] == ["eve@example.com"]
    with pytest.raises(LabError, match=r"doesn't know: eve@example\.com"):
        governed.registrar(ADMIN).remove(OFFICER, "left")
    assert "eve@example.com" in path.read_text()


def test_what_is_no_identity_is_refused_before_anything_happens(governed: GovernedLab, tmp_path: Path) -> None:
    key = governed.keys[ADMIN]
    with pytest.raises(UsageError, match="needs a role"):
        governed.registrar(ADMIN).add(ADMIN, key, [], "first")
    with pytest.raises(UsageError, match="--role: 'king'"):
        governed.registrar(ADMIN).add(ADMIN, key, ["king"], "first")
    with pytest.raises(UsageError, match="no name"):
        governed.registrar(ADMIN).add("a*", key, ["platform-admin"], "first")
    with pytest.raises(UsageError, match="--reason"):
        governed.registrar(ADMIN).add(ADMIN, key, ["platform-admin"], " ")
    with pytest.raises(LabError, match="Can't read the public key"):
        governed.registrar(ADMIN).add(ADMIN, tmp_path / "absent", ["platform-admin"], "first")
    assert governed.store.entries == []


def test_a_broken_trail_admits_nobody(governed: GovernedLab) -> None:
    governed.staffed()
    key = sorted(governed.store.objects)[1]
    governed.store.objects[key] = governed.store.objects[key].replace(b"reason", b"REASON", 1)
    with pytest.raises(LabError, match="can't be trusted"):
        governed.registrar(ADMIN).remove(ENGINEER, "left")
