"""One audit entry in full: each proof shows what was tampered with."""

from dataclasses import replace
from pathlib import Path

import pytest

from lab.base.errors import NotFound
from lab.governance.cases.signing import read_signers
from lab.governance.ledger import EntryStore, key_of
from lab.governance.rules.policy import Action
from lab.observe.details.entry_source import EntryDetail, EntrySource, examine
from tests.support.governed_lab import OFFICER, GovernedLab
from tests.support.played_lab import config
from tests.support.trails import PREFIX, entry, filled


def proofs(found: EntryDetail) -> dict[str, bool | None]:
    return {proof.name: proof.holds for proof in found.proofs}


def look(store: EntryStore, seq: int) -> EntryDetail:
    return examine(store, PREFIX, seq, tuple)


def test_a_sound_entry_is_proved_with_both_links() -> None:
    store = filled(*(entry("r", n) for n in range(3)))
    assert proofs(look(store, 2)) == {"content": True, "link back": True, "link on": True, "signature": None}
    assert proofs(look(store, 1))["link back"] is True
    assert proofs(look(store, 3))["link on"] is None
    assert (look(store, 1).before.entry, look(store, 3).after.entry, look(store, 2).head) == (None, None, 3)


def test_each_kind_of_tampering_shows_at_its_proof() -> None:
    store = filled(*(entry("r", n) for n in range(4)))
    modified = store.objects[key_of(PREFIX, 2)].replace(b'"ada"', b'"eve"')
    store.objects[key_of(PREFIX, 2)] = modified
    assert proofs(look(store, 2))["content"] is False
    store.objects[key_of(PREFIX, 2)] = b" " + filled(*(entry("r", n) for n in range(4))).objects[key_of(PREFIX, 2)]
    assert "canonical" in look(store, 2).proofs[0].detail
    del store.objects[key_of(PREFIX, 2)]
    assert proofs(look(store, 3))["link back"] is False
    assert proofs(look(store, 1))["link on"] is False
    store.objects[key_of(PREFIX, 2)] = store.objects[key_of(PREFIX, 3)]
    assert "calls itself entry 3" in look(store, 2).proofs[0].detail
    store.objects[key_of(PREFIX, 2)] = b"{}"
    assert look(store, 2).entry is None
    assert proofs(look(store, 2)) == {"content": False}
    assert look(store, 3).before.problem


async def test_an_entry_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    details = EntrySource(config(tmp_path, AUDIT_LOG_PREFIX=PREFIX), filled(entry("r", 0)))
    assert (await details.entry(1)).seq == 1
    with pytest.raises(NotFound):
        await details.entry(7)
    await details.aclose()


async def test_a_signed_approval_is_proved_and_one_under_other_words_is_not(tmp_path: Path) -> None:
    lab = GovernedLab(tmp_path).staffed()
    outcome = await lab.act(Action.APPROVE, lab.train(), OFFICER)
    assert outcome.entry is not None
    seq, prefix = outcome.entry.seq, lab.config.audit_prefix
    signed = {proof.name: proof for proof in examine(lab.store, prefix, seq, lambda: read_signers(lab.config)).proofs}
    assert signed["signature"].holds is True
    assert OFFICER in signed["signature"].detail
    stranger = examine(lab.store, prefix, seq, tuple)
    assert {proof.name: proof.holds for proof in stranger.proofs}["signature"] is False
    statement = {**outcome.entry.details["statement"], "reason": "other words"}
    forged = replace(outcome.entry, details={**outcome.entry.details, "statement": statement}, hash="")
    lab.store.objects[key_of(prefix, seq)] = replace(forged, hash=forged.digest()).body()
    found = examine(lab.store, prefix, seq, lambda: read_signers(lab.config))
    assert {proof.name: proof.holds for proof in found.proofs}["signature"] is False


async def test_identities_and_baselines_are_signed_in_their_own_words(tmp_path: Path) -> None:
    lab = GovernedLab(tmp_path).staffed(baseline=False)
    seq = lab.store.entries[-1].seq
    found = examine(lab.store, lab.config.audit_prefix, seq, lambda: read_signers(lab.config))
    assert found.entry is not None
    assert found.entry.action == Action.IDENTITY
    assert {proof.name: proof.holds for proof in found.proofs}["signature"] is True
