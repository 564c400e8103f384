"""Every query of the lab's dashboards against a real Prometheus, and the dashboards as a person sees them."""

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab import wiring
from lab.commands import dash_commands as dash
from lab.dashboards.looking import Looked, Times, each
from tests.support.lab import LiveLab
from tests.support.waiting import eventually

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]
# Nothing fires on a healthy lab, and a table of what fires is then empty. The schedule of tests' labs is turned off.
EMPTY = {"Pending and firing alerts", "Next run", "Next scheduled run"}
# Dashboards that this project didn't write, to be tried besides: a folder of files that Grafana exported.
OTHERS = os.environ.get("LAB_OTHER_DASHBOARDS", "")
RATES_S = 60.0


@pytest.fixture(scope="module")
def twice(live: LiveLab) -> LiveLab:
    """The session's lab after two runs, and long enough up that a rate has two scrapes of each counter."""
    assert live.invoke("demo-run").returncode == 0
    return live


def seen(live: LiveLab, name: str) -> Looked:
    """The dashboard now, with what each panel was told."""
    wish = dash.Wish(dash.open_board(live.config.root, name), Times("now-15m", "now"), {})
    source = wiring.prometheus_data(live.config)
    return asyncio.run(dash.look(source, wish, datetime.now(UTC), 240))


def silent(looked: Looked) -> list[str]:
    """Panels with a query that brought nothing."""
    found = []
    for panel in each(looked.panels):
        told = looked.data[panel.key].answers if panel.targets else ()
        found += [f"{panel.title}: {one.target.expr} {one.trouble}" for one in told if not one.series]
    return [line for line in found if line.partition(":")[0] not in EMPTY]


@pytest.mark.parametrize("name", dash.known(Path(__file__).parents[2]))
def test_every_query_of_a_dashboard_has_an_answer(twice: LiveLab, name: str) -> None:
    left: list[str] = []

    def answered() -> bool:
        left[:] = silent(seen(twice, name))
        return not left

    # What is counted from its first event on has a rate two scrapes later.
    try:
        eventually(answered, RATES_S)
    except AssertionError:
        raise AssertionError("\n".join(left)) from None


def test_a_dashboard_as_json_and_as_a_picture(twice: LiveLab, tmp_path: Path) -> None:
    looked = seen(twice, "")
    document = json.loads(json.dumps(dash.document(looked)))
    services = next(panel for panel in document["panels"] if panel["title"] == "Services")
    assert {series["labels"]["job"] for series in services["series"]} >= {"mlflow", "prometheus"}
    for name in ("board.png", "board.svg"):
        dash.export(looked, tmp_path / name, datetime.now(UTC))
        assert (tmp_path / name).stat().st_size > 10_000


@pytest.mark.skipif(not OTHERS, reason="LAB_OTHER_DASHBOARDS names no folder with other dashboards")
def test_dashboards_of_others_are_drawn(twice: LiveLab, capsys: pytest.CaptureFixture[str]) -> None:
    for path in sorted(Path(OTHERS).glob("*.json")):
        looked = seen(twice, str(path))
        dash.print_once(looked, datetime.now(UTC))
        assert looked.board.title in capsys.readouterr().out
