"""Times in log lines of every service, and the lines after one of them."""

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.base.errors import UsageError
from lab.base.log_lines import newer, since, written_at

NOW = datetime(2026, 11, 23, 15, 0, 0, tzinfo=UTC)
AT = datetime(2026, 11, 23, 14, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-23 14:05:06.123 UTC [123] LOG:  database system is ready",
        "2026-11-23 14:05:06 +0000 - dagster - INFO - run started",
        "ts=2026-11-23T14:05:06.789Z caller=main.go:1 level=info",
        "2026-11-23T15:05:06+01:00 msg",
        'time="2026-11-23T14:05:06Z" level=info',
        "2026-11-23 14:05:06,999 GMT something",
    ],
)
def test_a_line_with_a_zone_says_when_it_was_written(line: str) -> None:
    found = written_at(line, NOW)
    assert found is not None
    assert found.astimezone(UTC).replace(microsecond=0) == AT


def test_a_time_without_a_zone_is_the_services_and_not_the_shells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert written_at(f"{AT:%Y-%m-%d %H:%M:%S},123 INFO x", NOW) == AT
        assert written_at(f"I{AT:%m%d %H:%M:%S}.123456 server.go:1] x", NOW) == AT
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_glog_line_of_december_read_in_january_is_of_last_year() -> None:
    now = datetime(2027, 1, 1, 12, tzinfo=UTC)
    found = written_at("W1231 10:00:00.000000 x.go:1] x", now)
    assert found is not None
    assert found.astimezone().year == 2026


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Traceback (most recent call last):",
        "2026-13-45 99:99:99 x",
        "I9999 10:00:00 x",
        "x" * 90 + "2026-11-23 14:05:06",
    ],
)
def test_a_line_without_a_time_has_none(line: str) -> None:
    assert written_at(line, NOW) is None


@given(st.text(max_size=100))
def test_no_line_is_an_error(line: str) -> None:
    written_at(line, NOW)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("30s", timedelta(seconds=30)),
        ("10m", timedelta(minutes=10)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("0s", timedelta(0)),
    ],
)
def test_a_period_is_counted_back_from_now(text: str, ago: timedelta) -> None:
    assert since(text, NOW) == NOW - ago


def test_a_time_is_taken_as_it_is() -> None:
    assert since("2026-11-23T14:05:06+00:00", NOW) == AT
    assert since("2026-11-23T16:05:06+02:00", NOW) == AT.astimezone(timezone(timedelta(hours=2)))
    assert since("2026-11-23T14:05", NOW).tzinfo is not None


@pytest.mark.parametrize("text", ["yesterday", "10", "m", "-5m", "5 m", "1w", "", "9999999999999d", "2026-99-01"])
def test_what_is_no_time_is_a_usage_error_that_says_how_to_write_one(text: str) -> None:
    with pytest.raises(UsageError, match="10m"):
        since(text, NOW)


def test_a_line_without_a_year_is_of_the_year_that_the_caller_reads_it_in() -> None:
    start = datetime(2030, 12, 30, tzinfo=UTC)
    lines = ["I1231 23:59:00 1 new", "I0101 00:01:00 1 newer"]
    assert list(newer(lines, start, datetime(2031, 1, 1, 12, tzinfo=UTC))) == lines
    assert list(newer(lines, start, datetime(2029, 1, 1, 12, tzinfo=UTC))) == []


def test_only_newer_lines_pass_and_lines_without_a_time_go_with_the_one_before() -> None:
    lines = [
        "no time yet",
        "2026-11-23 14:00:00 UTC old",
        "  its second line",
        "2026-11-23 14:05:06 UTC new",
        "  its second line",
        "2026-11-23 14:04:00 UTC late by accident",
        "2026-11-23 14:06:00 UTC newer",
    ]
    assert list(newer(lines, AT, NOW)) == [lines[3], lines[4], lines[6]]
