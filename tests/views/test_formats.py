"""How single values read."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from lab.views import formats

NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (-1, "0.0s"),
        (0.42, "0.4s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (59.6, "1m00s"),
        (185, "3m05s"),
        (3599.7, "1h00m"),
        (7_800, "2h10m"),
        (356_400, "4d03h"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (-5, "now"), (0.9, "now"), (8, "8s"), (60, "1m"), (3599, "59m"), (86_399, "23h"), (1e6, "11d")],
)
def test_age(seconds: float | None, text: str) -> None:
    assert formats.age(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (0.0081, "8ms"), (0.9994, "999ms"), (0.9996, "1.0s"), (2.13, "2.1s")]
)
def test_latency(seconds: float | None, text: str) -> None:
    assert formats.latency(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(None, "–"), (0, "0K"), (831_000, "812K"), (1 << 20, "1M"), (1_288_490_189, "1.2G")]
)
def test_size(count: int | None, text: str) -> None:
    assert formats.size(count) == text


def test_moment_is_local_and_dated_when_not_today() -> None:
    east = NOON.astimezone(timezone(timedelta(hours=9)))
    assert formats.moment(NOON.timestamp(), NOON) == "12:00:00"
    assert formats.moment(NOON.timestamp(), east) == "21:00:00"
    assert formats.moment(NOON.timestamp() - 86_400, NOON) == "Nov 22 12:00"
    assert formats.brief_moment(NOON.timestamp() - 86_400, NOON) == "Nov 22"
    assert formats.moment(None, NOON) == formats.moment(1e300, NOON) == "–"


@pytest.mark.parametrize(
    ("text", "epoch"),
    [
        ("2026-11-23T12:00:00.000Z", NOON.timestamp()),
        ("2026-11-23T21:00:00+09:00", NOON.timestamp()),
        ("2026-11-23T12:00:00", NOON.timestamp()),
        ("yesterday", None),
        ("", None),
    ],
)
def test_parse_time(text: str, epoch: float | None) -> None:
    assert formats.parse_time(text) == epoch


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("plain [text]", "plain [text]"),
        ("a\x1b[31mb", "a�[31mb"),
        ("a\nb\tc\u2028d", "a b c d"),
        ("\u202eevil\u200b", "�evil�"),
        ("日本 ✓ é", "日本 ✓ é"),
        (42, "42"),
    ],
)
def test_clean(raw: object, text: str) -> None:
    assert formats.clean(raw) == text


def test_sparkline_shows_the_newest_and_marks_what_did_not_answer() -> None:
    assert formats.sparkline([], 4) == "    "
    assert formats.sparkline([1.0, 2.0, None, 9.0], 6) == "  ▁▁×▇"
    assert formats.sparkline([5.0] * 9, 3) == "▁▁▁"
    assert formats.sparkline([None, None], 2) == "××"


def test_sparkline_does_not_make_trouble_of_jitter() -> None:
    assert set(formats.sparkline([0.100, 0.101, 0.102], 3)) <= {"▁", "▂"}


def test_short() -> None:
    assert formats.short("3fa9c1d27be04a55") == "3fa9c1d2"
    assert formats.short("") == "–"
