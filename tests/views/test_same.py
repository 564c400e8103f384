"""What didn't change isn't made again at every tick: rows are the very same ones until something of theirs changes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lab.observe.snapshot import Snapshot
from lab.views import PARTS, View
from lab.views.by_model import narrowed
from lab.views.needs import needs
from tests.screen import snapshots

# The services tell something else at each look: how long they are up, and what they use.
STEADY = [name for name in PARTS if name != "services"]


def rows(name: str, snapshot: Snapshot, later_s: float = 0.0, model: str = "") -> dict[str, object]:
    view = View(snapshot, snapshots.CLOCK + timedelta(seconds=later_s), model=model)
    return {row.key: row for row in PARTS[name].panel(narrowed(view)).rows if not (row.heading or row.pinned)}


@pytest.mark.parametrize("name", STEADY)
def test_a_row_of_which_nothing_changed_is_the_one_of_the_tick_before(name: str) -> None:
    before = rows(name, snapshots.HEALTHY)
    after = rows(name, replace(snapshots.HEALTHY, taken_at=snapshots.NOW + 1))
    assert before
    assert all(after[key] is row for key, row in before.items())


def test_a_row_follows_its_age_and_its_run() -> None:
    before = rows("runs", snapshots.HEALTHY)
    later = rows("runs", snapshots.HEALTHY, later_s=86_400.0)
    assert all(later[key] != row for key, row in before.items())
    assert {row.text for row in rows("audit", snapshots.HEALTHY, later_s=86_400.0).values()} != {  # type: ignore[attr-defined]
        row.text
        for row in rows("audit", snapshots.HEALTHY).values()  # type: ignore[attr-defined]
    }
    runs = snapshots.HEALTHY.runs.map(lambda v: replace(v, runs=(replace(v.runs[0], owner="eve"), *v.runs[1:])))
    changed = rows("runs", replace(snapshots.HEALTHY, runs=runs))
    assert [key for key, row in before.items() if changed[key] is not row] == [next(iter(before))]


def test_a_version_follows_the_champion_that_it_is_compared_with() -> None:
    before = rows("models", snapshots.HEALTHY)
    models = snapshots.HEALTHY.models.map(
        lambda found: tuple(replace(one, aliases=tuple({*one.aliases} ^ {"champion"})) for one in found)
    )
    after = rows("models", replace(snapshots.HEALTHY, models=models))
    assert all(after[key] != row for key, row in before.items())


def test_what_needs_a_person_and_the_narrowed_lab_are_found_once_in_a_snapshot() -> None:
    view = View(snapshots.DRIFTED, snapshots.CLOCK)
    later = replace(view, now=view.now + timedelta(seconds=1))
    assert needs(view)
    assert needs(later) is needs(view)
    other = replace(snapshots.DRIFTED, drift=snapshots.HEALTHY.drift)
    assert needs(replace(view, snapshot=other)) != needs(view)
    name = (snapshots.DRIFTED.models.value or ())[0].name
    chosen, still = replace(view, model=name), replace(later, model=name)
    assert narrowed(chosen).snapshot is narrowed(still).snapshot
    assert narrowed(replace(chosen, model="another")).snapshot.models.value == ()
