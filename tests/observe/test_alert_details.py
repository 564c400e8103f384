"""One alert in full: its runbook, and its silences."""

from pathlib import Path

import httpx
import pytest

from lab.base.catalogue import ProcessFact, Service
from lab.base.errors import LabError, NotFound, ServiceUnavailable
from lab.observe.details import alert_source
from lab.observe.details.alert_source import AlertSource, read_runbook, section, slug
from tests.support.played_lab import config

RULES = Path(__file__).parents[2] / "stack" / "prometheus" / "alert_rules.yml"

ROOT = RULES.parents[2]


def test_every_alerts_link_leads_to_its_runbook() -> None:
    links = [line.split()[-1] for line in RULES.read_text().splitlines() if "runbook_url:" in line]
    assert len(links) > 10
    for link in links:
        found = read_runbook(ROOT, link, "")
        assert slug(found.title) == link.partition("#")[2]
        assert any("Meaning" in line for line in found.lines)


def test_an_alert_without_a_link_is_looked_up_by_its_name() -> None:
    assert read_runbook(ROOT, "", "ServiceDown").title == "ServiceDown"
    with pytest.raises(NotFound, match="no section 'Unheard'"):
        read_runbook(ROOT, "", "Unheard")


@pytest.mark.parametrize(
    "link", ["https://example.com/x.md#a", "../../etc/passwd", "/etc/passwd", ".env", "docs/none.md#a"]
)
def test_links_that_lead_elsewhere_are_not_followed(link: str) -> None:
    with pytest.raises(NotFound):
        read_runbook(ROOT, link, "a")


def test_a_section_ends_at_the_next_heading_and_headings_in_code_are_none() -> None:
    text = "# Title\n## One two!\na\n```\n# no heading\n```\n### deeper\nb\n\n## Other\nc\n"
    assert section(text, "one-two") == ("One two!", ("a", "```", "# no heading", "```", "### deeper", "b"))
    assert section(text, "other") == ("Other", ("c",))
    assert section(text, "no-heading") is None


SILENCE = {
    "id": "0b8c", "status": {"state": "active"}, "updatedAt": "2026-11-23T18:00:00.000Z", "comment": "known",
    "createdBy": "ada", "startsAt": "2026-11-23T18:00:00.000Z", "endsAt": "2026-11-23T20:00:00.000Z",
    "matchers": [
        {"name": "alertname", "value": "ServiceDown", "isRegex": False, "isEqual": True},
        {"name": "job", "value": "ml.*", "isRegex": True, "isEqual": False},
    ],
}  # fmt: skip


class NoAlertmanager:
    """A runtime that knows of no Alertmanager."""

    def facts(self, measured: bool = False) -> dict[Service, ProcessFact]:
        return {Service.ALERTMANAGER: ProcessFact("absent", reason="no binary on PATH", remedy="Install it.")}


async def test_silences_are_read_as_people_write_them(tmp_path: Path) -> None:
    seen: list[str] = []

    def serve(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(200, json=[{**SILENCE, "id": "old", "status": {"state": "expired"}}, SILENCE])

    details = AlertSource(config(tmp_path), NoAlertmanager, httpx.MockTransport(serve))  # type: ignore[arg-type]
    found = await details.silences()
    await details.aclose()
    assert [one.state for one in found] == ["active", "expired"]
    assert found[0].matchers == ('alertname="ServiceDown"', 'job!~"ml.*"')
    assert found[0].ends_at - found[0].begins_at == 7200
    assert seen[0].startswith("Basic ")


async def test_without_an_alertmanager_the_reason_is_given(tmp_path: Path) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    details = AlertSource(config(tmp_path), NoAlertmanager, httpx.MockTransport(refuse))  # type: ignore[arg-type]
    with pytest.raises(LabError, match=r"nothing can be silenced: no binary on PATH\. Install it\."):
        await details.silences()
    await details.aclose()


async def test_an_alertmanager_that_only_fails_is_not_called_absent(tmp_path: Path) -> None:
    def unknown() -> NoAlertmanager:
        raise LabError("nobody knows")

    details = AlertSource(config(tmp_path), unknown, httpx.MockTransport(lambda _: httpx.Response(500)))  # type: ignore[arg-type]
    with pytest.raises(ServiceUnavailable, match="500"):
        await details.silences()
    await details.aclose()


def test_login_is_the_one_that_alertmanager_is_given() -> None:
    from lab.runtime.credentials import USER

    assert alert_source.USER == USER
