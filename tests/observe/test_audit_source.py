"""How entries that prove nothing come to be marked: soon, seldom asked for, and without holding anything up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from lab.base.catalogue import Service
from lab.governance.ledger import AuditView, Entry, Status, key_of, seal
from lab.observe.snapshot import SliceState
from lab.observe.sources import PATIENCE_S
from tests.support import observed_lab
from tests.support.faults import HUNG_S

PREFIX = "governance/audit/"


def trail(*statuses: Status) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    last: Entry | None = None
    for status in statuses:
        last = seal(Entry("approve", status, "eve", "risk-officer", "staging", "2036", model_version="1"), last)
        found[key_of(PREFIX, last.seq)] = last.body()
    return found


def verdicts(judged: int, *uncounted: int) -> Callable[[httpx.Request], httpx.Response]:
    lines = [
        f"governance_entries_judged {judged}.0",
        *(f'governance_uncounted_entry{{seq="{n}"}} 1.0' for n in uncounted),
    ]
    return lambda _request: httpx.Response(200, text="\n".join(lines))


class ObservedLab(observed_lab.ObservedLab):
    """A lab whose governance exporter says what a test wants, and whose other services are at rest."""

    def say(self, judged: int, *uncounted: int) -> None:
        self.services.broken[Service.GOVERNANCE_METRICS] = verdicts(judged, *uncounted)

    async def audit(self, seconds: float = 0.0) -> AuditView:
        shot = await self.tick(seconds)
        assert shot.audit.state is SliceState.OK
        assert shot.audit.value
        return shot.audit.value


@pytest.fixture
async def observed(tmp_path: Path) -> AsyncIterator[ObservedLab]:
    made = ObservedLab(tmp_path, deadline_s=HUNG_S, patience_s=PATIENCE_S)
    made.services.objects = trail(Status.STARTED, Status.APPROVED, Status.APPROVED)
    yield made
    await made.observer.aclose()


async def test_what_does_not_count_is_marked_at_the_first_look(observed: ObservedLab) -> None:
    observed.say(3, 2)
    assert (await observed.audit()).uncounted == (2,)


async def test_who_looks_once_only_waits_for_what_comes_late(tmp_path: Path) -> None:
    observed = ObservedLab(tmp_path, patience_s=60)
    observed.services.objects = trail(Status.STARTED, Status.APPROVED, Status.APPROVED)

    async def slow(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(2 * PATIENCE_S)
        return verdicts(3, 2)(request)

    observed.services.broken[Service.GOVERNANCE_METRICS] = slow
    assert (await observed.audit()).uncounted == (2,)
    await observed.observer.aclose()


async def test_a_new_claim_is_asked_about_until_it_was_judged(observed: ObservedLab) -> None:
    observed.say(3)
    assert (await observed.audit()).uncounted == ()
    observed.services.objects = trail(Status.STARTED, *[Status.APPROVED] * 3)
    assert (await observed.audit(2)).uncounted == ()
    observed.say(4, 4)
    for _ in range(4):
        found = await observed.audit(2)
    assert found.uncounted == (4,)


async def test_verdicts_are_asked_for_once_a_minute_when_all_are_known(observed: ObservedLab) -> None:
    quiet = observed_lab.ObservedLab(Path(observed.config.home).parent / "quiet")
    quiet.services.broken[Service.GOVERNANCE_METRICS] = verdicts(3)
    observed.say(3)
    for _ in range(28):
        await observed.tick(2)
        await quiet.tick(2)
    probes = quiet.services.asked[Service.GOVERNANCE_METRICS]
    await quiet.observer.aclose()
    assert observed.services.asked[Service.GOVERNANCE_METRICS] == probes + 1


async def test_another_policy_may_judge_otherwise(observed: ObservedLab) -> None:
    observed.say(3)
    assert (await observed.audit()).uncounted == ()
    observed.say(3, 2, 3)
    assert (await observed.audit(61)).uncounted == (3, 2)


async def hang(_request: httpx.Request) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize("answer", [
    hang,
    lambda _: httpx.Response(500),
    lambda _: httpx.Response(200, html="<html>"),
    lambda _: httpx.Response(200, text="governance_entries_judged NaN\n"),
    lambda _: httpx.Response(200, text="governance_entries_judged +Inf\n"),
])  # fmt: skip
async def test_an_exporter_that_fails_costs_the_marks_only(
    observed: ObservedLab, answer: Callable[[httpx.Request], object]
) -> None:
    observed.services.broken[Service.GOVERNANCE_METRICS] = answer
    found = await observed.audit()
    assert ([entry.seq for entry in found.entries], found.uncounted) == ([3, 2, 1], ())
    observed.say(3, 2)
    # A question that hangs is under way until its deadline, and none other is put meanwhile.
    while (await observed.audit(5)).uncounted != (2,):
        await asyncio.sleep(0.05)
