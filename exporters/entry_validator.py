"""Which entries of the audit trail count, as metrics: one can be linked as it must be and yet prove nothing."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from exporters.serve import LabCollector, gauge, gauges
from lab.governance.ledger import EntryStore
from lab.governance.ledger.reader import Trail
from lab.governance.rules.entry_validity import JUDGED, NEWEST, OVERTAKEN, OVERTAKEN_ENTRY, UNCOUNTED, UNCOUNTED_ENTRY
from lab.governance.rules.history import Fold, History
from lab.governance.rules.policy import Policy
from lab.services import ssh

# Entries taken at once, and how long one round may go on taking them.
PAGE = 500
ROUND_S = 10.0

log = logging.getLogger("exporter.governance")


@dataclass(frozen=True)
class Validated:
    """What is known once the whole trail was read: `judged` is its head, `history` what the entries up to it tell."""

    judged: int
    history: History


class EntryValidator:
    """Follows the trail from its first entry and tells what counts; another policy judges all of it anew."""

    def __init__(
        self,
        lab: str,
        prefix: str,
        store: Callable[[], EntryStore],
        policy: Callable[[], Policy],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lab, self._prefix, self._store = lab, prefix, store
        self._read_policy, self._clock = policy, clock
        self._digest = ""
        self._found: Validated | None = None

    @property
    def found(self) -> Validated | None:
        """The newest judgement; None before the first."""
        return self._found

    def catch_up(self) -> History | None:
        """One round of reading; None while the end of a long trail hasn't been seen. Raises LabError."""
        policy = self._read_policy()
        if policy.digest != self._digest:
            self._trail = Trail(self._store(), self._prefix, window=PAGE, from_start=True)
            self._fold, self._last = Fold(self._lab, policy, ssh.verify), 0
            # Last, so that a store that can't be had is asked for again, and no new judgement made on half a trail.
            self._digest = policy.digest
        if not self._read():
            return None
        before, history = self._found, self._fold.history()
        self._found = Validated(self._last, history)
        for fault in set(history.uncounted) - set(before.history.uncounted if before else ()):
            log.error("event=entry-uncounted seq=%d problem=%r", fault.seq, fault.problem)
        return history

    def _read(self) -> bool:
        """Takes new entries; whether the end of the trail was seen in time."""
        end = self._clock() + ROUND_S
        while True:
            view = self._trail.refresh(PAGE)
            for entry in reversed(view.entries):
                if entry.seq > self._last:
                    self._fold.see(entry)
                    self._last = entry.seq
            if self._trail.caught_up or self._clock() > end:
                return self._trail.caught_up


class EntryValidityCollector(LabCollector):
    """The newest judgement as metrics; before the first one nothing is claimed, not even 0."""

    def __init__(self, found: Callable[[], Validated | None]) -> None:
        super().__init__()
        self._found = found

    def families(self) -> Iterable[Metric]:
        found = self._found()
        if found is None:
            return
        history = found.history
        yield gauge(JUDGED, "Number of the newest entry that was judged.", found.judged)
        text = "Entries that claim what they don't prove, but for the lab's own probes."
        yield gauge(UNCOUNTED, text, len(history.uncounted))
        named = GaugeMetricFamily(UNCOUNTED_ENTRY, "1 for each of the newest of these.", labels=["seq", "probe"])
        others = {*history.uncounted, *history.overtaken}
        probes = [fault for fault in history.ignored if fault not in others]
        for probe, faults in (("false", history.uncounted), ("true", probes)):
            for fault in faults[-NEWEST:]:
                named.add_metric([str(fault.seq), probe], 1)
        yield named
        yield gauge(OVERTAKEN, "Decisions that lost a race: they don't count and are no fault.", len(history.overtaken))
        late = {str(fault.seq): 1.0 for fault in history.overtaken[-NEWEST:]}
        yield gauges(OVERTAKEN_ENTRY, "1 for each of the newest of these.", "seq", late)
