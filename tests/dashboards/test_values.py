"""Units, times, calculations and expressions: each alone."""

import re
from datetime import UTC, datetime
from math import inf, nan
from time import process_time

import pytest

from lab.dashboards.parse import read_file
from lab.dashboards.patterns import compiled, found_in, replaced
from lab.dashboards.reduce import known, reduced
from lab.dashboards.times import moment, nice_step, seconds, written
from lab.dashboards.units import shown
from tests.stack.toolbox import DASHBOARDS


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "short", "0"),
        (999, "short", "999"),
        (1234, "short", "1.23 K"),
        (2.5e6, "short", "2.5 Mil"),
        (0.0002, "short", "0.0002"),
        (nan, "short", "–"),
        (inf, "short", "+Inf"),
        (None, "s", "–"),
        (1536, "bytes", "1.5 KiB"),
        (1500, "decbytes", "1.5 kB"),
        (3 << 30, "bytes", "3 GiB"),
        (2048, "kbytes", "2 MiB"),
        (1.5e6, "Bps", "1.5 MB/s"),
        (8e9, "bps", "8 Gb/s"),
        (0.5, "percentunit", "50%"),
        (99.5, "percent", "99.5%"),
        (0.25, "s", "250 ms"),
        (90, "s", "1.5 min"),
        (7200, "s", "2 hours"),
        (86400, "s", "1 day"),
        (1.5, "ms", "1.5 ms"),
        (0, "s", "0 s"),
        (-0.0, "percentunit", "0%"),
        (1e-7, "s", "100 ns"),
        (3723, "dthms", "01:02:03"),
        (90061, "dtdhms", "1 d 01:01:01"),
        (1, "bool", "True"),
        (0, "bool_yes_no", "No"),
        (2500, "reqps", "2.5 K req/s"),
        (50, "ops", "50 ops/s"),
        (21.5, "celsius", "21.5 °C"),
        (2.4e9, "hertz", "2.4 GHz"),
        (1200, "rotrpm", "1200 rpm"),
        (5, "suffix:runs", "5 runs"),
        (5, "prefix:#", "#5"),
        (1500, "si:W", "1.5 kW"),
        (7, "furlongs", "7 furlongs"),
        (1_700_000_000_000, "dateTimeAsIso", "2023-11-14 22:13:20"),
        (1_700_000_000_000, "time:YYYY-MM", "2023-11"),
        (255, "hex", "FF"),
        (1234567, "locale", "1,234,567"),
        (1234.5, "sci", "1.23e+03"),
        (12, "currencyUSD", "$12"),
    ],
)
def test_a_value_reads_as_in_grafana(value: float | None, unit: str, text: str) -> None:
    assert shown(value, unit) == text


def test_decimals_are_kept_when_the_file_says_so() -> None:
    assert shown(1.0, "s", 3) == "1.000 s"
    assert shown(999.999, "short", 0) == "1 K"


def test_a_date_far_away_is_no_date() -> None:
    assert shown(1e30, "dateTimeAsIso") == "–"


def test_each_unit_of_the_labs_dashboards_is_known() -> None:
    boards = [read_file(path) for path in DASHBOARDS]
    units = {one.look.unit for board in boards for row in board.panels for one in (row, *row.panels)}
    assert [unit for unit in units - {"s", ""} if shown(5.0, unit).endswith(f" {unit}")] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", 30),
        ("1h30m", 5400),
        (">=10s", 10),
        ("500ms", 0.5),
        ("1w", 604_800),
        ("", None),
        ("x", None),
        ("9" * 40 + "y", None),
        ("0s", None),
    ],
)
def test_durations(text: str, expected: float | None) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(("given", "text"), [(15, "15s"), (60, "1m"), (0.5, "500ms"), (7200, "2h"), (90, "90s")])
def test_durations_for_prometheus(given: float, text: str) -> None:
    assert written(given) == text


NOW = datetime(2026, 11, 25, 13, 45, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "end", "expected"),
    [
        ("now", False, "2026-11-25T13:45:30+00:00"),
        ("now-6h", False, "2026-11-25T07:45:30+00:00"),
        ("now/d", False, "2026-11-25T00:00:00+00:00"),
        ("now/d", True, "2026-11-25T23:59:59.999000+00:00"),
        ("now-1d/d", False, "2026-11-24T00:00:00+00:00"),
        ("now/w", False, "2026-11-23T00:00:00+00:00"),
        ("2026-01-02T03:04:05Z", False, "2026-01-02T03:04:05+00:00"),
        ("1700000000000", False, "2023-11-14T22:13:20+00:00"),
        ("yesterday", False, None),
        ("now-999999999y", False, None),
    ],
)
def test_moments(text: str, end: bool, expected: str | None) -> None:
    found = moment(text, NOW, end)
    assert (found and datetime.fromtimestamp(found, UTC).isoformat()) == expected


def test_steps_are_round() -> None:
    assert [nice_step(wanted) for wanted in (0.9, 7, 14, 100, 4000)] == [1, 10, 15, 120, 3600]


def test_calculations() -> None:
    values = (1.0, nan, 4.0, 2.0)
    wanted = {
        "lastNotNull": 2.0,
        "min": 1.0,
        "max": 4.0,
        "sum": 7.0,
        "count": 3.0,
        "range": 3.0,
        "diff": 1.0,
        "delta": 5.0,
        "median": 2.0,
        "p95": 3.8,
        "first": 1.0,
        "last": 2.0,
        "changeCount": 2.0,
    }
    assert {calc: reduced(values, calc) for calc in wanted} == pytest.approx(wanted)
    assert reduced((), "max") is None
    assert reduced((nan,), "mean") is None
    assert reduced(values, "nobody knows") is None
    assert not known("nobody knows")


@pytest.mark.parametrize(
    "regex", ["(a+)+$", "(a*)*b", "(x+x+)+y", "(a|aa)+$", "([a-z]+)*1", "a*" * 30, "(" * 300, "[", "a{1,9}{1,9}"]
)
def test_an_expression_that_could_take_for_ever_is_none(regex: str) -> None:
    begin = process_time()
    found_in(regex, "a" * 400 + "!")
    assert process_time() - begin < 1.0


def test_expressions_of_files() -> None:
    assert found_in("/^MLflow$/i", "mlflow")
    assert replaced("(.*)-(.*)", "$2 $1", "a-b") == "b a"
    assert replaced("(", "x", "a") == "a"
    assert compiled("(?<text>[a-z]+)") is not None
    assert re.search("x", "x")
