"""Pages behind a login: a browser's cookie goes to them alone, and without it they are said to want one."""

import httpx
import pytest

from lab.base.catalogue import Service
from lab.base.errors import ServiceUnavailable
from lab.services.http import Http, signed_in

PAGE = "https://mlflow.lab.example.com"
COOKIE = "AWSELBAuthSessionCookie-0=abc"


def balancer(request: httpx.Request) -> httpx.Response:
    """What a load balancer with a login does."""
    if request.headers.get("Cookie") == COOKIE:
        return httpx.Response(200, json={"registered_models": []})
    return httpx.Response(302, headers={"Location": "https://login.example.com/authorize?client_id=x"})


async def asked(url: str, transport: httpx.AsyncBaseTransport) -> object:
    http = Http.to(Service.MLFLOW, url, transport=transport)
    try:
        return await http.get_json("/api")
    finally:
        await http.aclose()


async def test_a_login_is_named_with_what_to_do() -> None:
    with pytest.raises(ServiceUnavailable, match=r"is behind a login at login\.example\.com\.") as caught:
        await asked(PAGE, httpx.MockTransport(balancer))
    assert "PAGES_COOKIE" in caught.value.remedy


async def test_with_the_browsers_cookie_it_answers() -> None:
    transport = signed_in(COOKIE, {"mlflow.lab.example.com"}, httpx.MockTransport(balancer))
    assert await asked(PAGE, transport) == {"registered_models": []}


@pytest.mark.parametrize("url", ["https://elsewhere.example.com", "http://mlflow.lab.example.com"])
async def test_the_cookie_goes_nowhere_else_and_never_without_tls(url: str) -> None:
    transport = signed_in(COOKIE, {"mlflow.lab.example.com"}, httpx.MockTransport(balancer))
    with pytest.raises(ServiceUnavailable, match="behind a login"):
        await asked(url, transport)
