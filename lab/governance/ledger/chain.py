"""Checking an audit trail: entries are taken one by one, in the order of their keys, in constant memory."""

from collections.abc import Iterable
from dataclasses import dataclass

from lab.base.errors import LedgerError
from lab.governance.ledger.entry import GENESIS, Entry, Fault, Head, Kind, Status, is_sound, parse, seq_of


@dataclass(frozen=True)
class Verification:
    """The outcome of checking a trail from its first entry; `heads` says how many published heads were compared.

    `exposed` are entries that the store would let somebody delete too early: nothing is wrong with them yet.
    """

    checked: int
    head: Entry | None
    faults: tuple[Fault, ...]
    unfinished: tuple[Entry, ...] = ()
    heads: int = 0
    exposed: tuple[Fault, ...] = ()

    @property
    def intact(self) -> bool:
        return not self.faults


def verify(objects: Iterable[tuple[str, bytes]], heads: Iterable[Head] = ()) -> Verification:
    """Checks (key, body) pairs in key order and compares them with published heads, which come in rising order."""
    chain = Chain(heads=heads)
    for key, body in objects:
        chain.take(key, body)
    return chain.finish()


class Unfinished:
    """Follows a trail and knows which steps began without an end; memory grows only with those."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], list[Entry]] = {}

    def see(self, entry: Entry) -> None:
        """Takes the next entry. An end belongs to the beginning that it names (0 for none), else to the newest one."""
        step = (entry.run_id, entry.action)
        if entry.status is Status.STARTED:
            self._open.setdefault(step, []).append(entry)
        elif entry.status in {Status.SUCCESS, Status.FAILURE, Status.BLOCKED} and step in self._open:
            open_ones = self._open[step]
            # A beginning before the newest never had an end of its own; whoever ends another's says which it is.
            closes = entry.details.get("closes")
            open_ones[:] = [one for one in open_ones if one.seq != (open_ones[-1].seq if closes is None else closes)]
            if not self._open[step]:
                del self._open[step]

    def entries(self) -> tuple[Entry, ...]:
        """The `started` entries that have no end yet, oldest first."""
        return tuple(sorted((entry for begun in self._open.values() for entry in begun), key=lambda e: e.seq))


class Chain:
    """Follows a trail and says what is wrong with it; memory grows only with faults.

    `start` is the number of the first entry that will be taken: what it is linked to isn't known unless that is 1.
    """

    def __init__(self, start: int = 1, heads: Iterable[Head] = ()) -> None:
        self.checked = 0
        self.next = start  # the number that the next entry should have
        self.head: Entry | None = None
        self._unfinished = Unfinished()
        self._faults: list[Fault] = []
        self._gaps: list[range] = []
        self._folder: str | None = None
        self._foreign: set[str] = set()
        self._key, self._shift = start - 1, 0
        self._links: tuple[str, ...] = (GENESIS,) if start == 1 else ()  # what the next entry may be linked to
        self._published = _Published(heads)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What was found so far; a number that was skipped counts as missing until its entry comes."""
        return (*self._faults, *(Fault(gap.start, _missing(gap), Kind.MISSING) for gap in self._gaps))

    @property
    def unfinished(self) -> tuple[Entry, ...]:
        return self._unfinished.entries()

    def blame(self, seq: int, kind: Kind, text: str) -> None:
        """Adds a fault that was found by other means than reading entries in order."""
        fault = Fault(seq, f"{kind}: {text}", kind)
        if fault not in self._faults:
            self._faults.append(fault)

    def take(self, key: str, body: bytes) -> Entry | None:
        """Takes the next object; returns its entry, None when it is none."""
        number, folder = seq_of(key), key.rpartition("/")[0]
        self._folder = folder if self._folder is None and number is not None else self._folder
        if number is None or folder != self._folder:
            if key not in self._foreign:
                self._foreign.add(key)
                self.blame(self.next, Kind.FOREIGN, f"{key} doesn't belong to the trail")
            return None
        self.checked += 1
        try:
            entry = parse(body)
        except LedgerError as err:
            self._take_unsound(number, err.message)
            return None
        if is_sound(entry, body):
            self._take_sound(number, entry)
        else:
            self._take_unsound(number, "its content doesn't match its hash")
        self._unfinished.see(entry)
        return entry

    def cut_off(self) -> None:
        """To be called where the trail ends: a published head beyond means that there was more."""
        if beyond := self._published.rest(self.next):
            gone = _missing(range(self.next, beyond.seq + 1))
            self.blame(self.next, Kind.CUT_OFF, f"{gone}: {beyond.seq} was published as head{_by(beyond)}")

    def finish(self) -> Verification:
        """The outcome, after the last object."""
        self.cut_off()
        return Verification(self.checked, self.head, self.faults, self.unfinished, self._published.compared)

    def _take_unsound(self, key: int, why: str) -> None:
        self.blame(key, Kind.MODIFIED, why)
        if self._place(key, key):
            self.head, self._links = None, ()

    def _take_sound(self, key: int, entry: Entry) -> None:
        if not self._place(key, entry.seq, entry):
            return
        if self._links and entry.previous_hash not in self._links:
            either = f"either entry {entry.seq - 1} was replaced or this one was inserted" if entry.seq > 1 else ""
            self.blame(entry.seq, Kind.BROKEN_LINK, either or "the first entry says that another one was before it")
        self.head, self._links = entry, (entry.hash,)
        if wrong := self._published.contradiction(entry):
            self.blame(entry.seq, Kind.REHASHED, wrong)

    def _place(self, key: int, number: int, entry: Entry | None = None) -> bool:
        """Notes what is odd about where an entry stands; True when it carries the chain on."""
        backwards, shift = key <= self._key, key - number
        moved, self._key, self._shift = shift and shift != self._shift, key, shift
        if number >= self.next:
            if number > self.next:
                self._gaps.append(range(self.next, number))
                self._links = ()
            self.next = number + 1
            forward = True
        else:
            forward = False
            if not self._fill_gap(number):
                self._second(number, entry)
            elif backwards:
                self.blame(number, Kind.REORDERED, f"entry {number} stands after entry {self.next - 1}")
        if moved:
            self.blame(number, Kind.REORDERED, f"entry {number} lies under number {key}")
        return forward

    def _second(self, number: int, entry: Entry | None) -> None:
        """Another entry with a number that was seen before: the same once more, or one that was pushed in."""
        newest = self.head if self.head and self.head.seq == number else None
        if entry and newest and entry.hash != newest.hash:
            self.blame(number, Kind.INSERTED, f"two different entries have number {number}")
            self._links = (*self._links, entry.hash)
        else:
            self.blame(number, Kind.DUPLICATED, f"number {number} comes again")

    def _fill_gap(self, number: int) -> bool:
        for index, gap in enumerate(self._gaps):
            if number in gap:
                self._gaps[index : index + 1] = [
                    part for part in (range(gap.start, number), range(number + 1, gap.stop)) if part
                ]
                return True
        return False


class _Published:
    """Compares entries with the heads that were published, both in rising order."""

    def __init__(self, heads: Iterable[Head]) -> None:
        self._heads = iter(heads)
        self._next = next(self._heads, None)
        self._agreed = 0
        self._contradicted = False
        self.compared = 0

    def contradiction(self, entry: Entry) -> str:
        """How `entry` differs from what was published; only the first difference counts, the rest follows from it."""
        found = ""
        while self._next and self._next.seq <= entry.seq:
            if self._next.seq == entry.seq:
                self.compared += 1
                if self._next.hash == entry.hash:
                    self._agreed = entry.seq
                elif not self._contradicted:
                    self._contradicted = True
                    found = (
                        f"{self._next.hash[:12]}… was published as head {entry.seq}{_by(self._next)}; "
                        f"what follows entry {self._agreed} was rewritten"
                    )
            self._next = next(self._heads, None)
        return found

    def rest(self, after: int) -> Head | None:
        """The greatest published head at or beyond number `after`."""
        greatest = None
        while self._next:
            greatest = self._next if self._next.seq >= after else greatest
            self._next = next(self._heads, None)
        return greatest


def _missing(gap: range) -> str:
    # Not by its length: whoever writes a file of heads can name numbers beyond what a length may be.
    if gap.stop - gap.start == 1:
        return f"entry {gap.start} is missing"
    return f"entries {gap.start} to {gap.stop - 1} are missing"


def _by(head: Head) -> str:
    return f" ({head.source})" if head.source else ""


@dataclass(frozen=True)
class AuditView:
    """Newest entries first. `length` is the number of the newest; `faults` what verification found so far.

    `uncounted` are the numbers of entries that claim what they don't prove, as far as they have been judged: the
    newest fifty, of the whole trail. `probes` are those among them by which `verify-governance` tried just that.
    `overtaken` are decisions that lost a race: they don't count either, and nobody did anything wrong.
    """

    entries: tuple[Entry, ...]
    length: int
    faults: tuple[Fault, ...] = ()
    unfinished: tuple[Entry, ...] = ()
    uncounted: tuple[int, ...] = ()
    probes: tuple[int, ...] = ()
    overtaken: tuple[int, ...] = ()

    @property
    def intact(self) -> bool:
        return not self.faults
