"""Schedules that would never begin anything are refused, and none that Dagster refuses is let through."""

import random

import pytest
from dagster import DagsterInvalidDefinitionError, ScheduleDefinition

from lab.models.cron import cron_problem

_PARTS = (
    *(
        "0",
        "5",
        "59",
        "60",
        "23",
        "24",
        "31",
        "32",
        "12",
        "13",
        "7",
        "8",
        "30",
        "1-5",
        "5-1",
        "1,2",
        "1,,2",
        "-1",
        "01",
    ),
    *("*/5", "*/0", "*/60", "1/15", "5/90", "*-5", "0-7", "mon", "jan", "MON", "sun-fri", "jan-mar", "L", "?", "1#2"),
    *("L5", "5L", "0#1,3", "x", ""),
)


def _by_dagster(text: str) -> bool:
    try:
        ScheduleDefinition(name="it", job_name="job", cron_schedule=text)
    except DagsterInvalidDefinitionError:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("99 * * * *", "the minute is from 0 to 59, not 99"),
        ("0 24 * * *", "the hour is from 0 to 23, not 24"),
        ("0 0 0 * *", "the day of the month is from 1 to 31, not 0"),
        ("0 0 1 13 *", "the month is from 1 to 12, not 13"),
        ("0 0 * * 8", "the day of the week is from 0 to 7, not 8"),
        ("0 0 31 2 *", "no month has such a day: 31 2"),
        ("*/0 * * * *", "the minute can't be '*/0'"),
        ("daily", "five fields"),
        ("0 0 * *  1", "five fields"),
    ],
)
def test_what_never_comes_is_refused(text: str, said: str) -> None:
    assert said in cron_problem(text)
    assert not _by_dagster(text) or "five fields" in said


@pytest.mark.parametrize(
    "text", ["0 */6 * * *", "15 3 * * mon-fri", "0 0 L * *", "0 9 * * 1#2", "5/15 0,12 1 jan,jul 0-7"]
)
def test_what_comes_is_taken(text: str) -> None:
    assert cron_problem(text) == ""
    assert _by_dagster(text)


def test_nothing_passes_that_dagster_refuses() -> None:
    """It would take the other models out of service, too: Dagster refuses the definitions as a whole."""
    chosen = random.Random(1)
    texts = {" ".join(chosen.choice(_PARTS) if chosen.random() < 0.4 else "*" for _ in range(5)) for _ in range(3000)}
    passed = {text for text in texts if not cron_problem(text)}
    assert len(passed) > 200
    assert {text for text in passed if not _by_dagster(text)} == set()
