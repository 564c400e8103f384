"""(g) Services listen on loopback only, ask for credentials, and obey no foreign page."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address

from lab.base.catalogue import BY_NAME, LOOPBACK, Service
from lab.base.errors import LabError, NotFound, ServiceUnavailable
from lab.governance.checks.proof import Check, Found, listed
from lab.governance.checks.proof_clients import ProofClients
from lab.runtime.neighbours import listening
from lab.services.http import trusted
from lab.services.postgres import connect
from lab.services.s3 import ADMIN, MLFLOW, PIPELINE, READER, S3

_EVIL = "http://evil.example"
_HOST: Mapping[str, str] = {"Host": "evil.example"}
_PAGE: Mapping[str, str] = {"Origin": _EVIL, "Content-Type": "application/json"}
# Changes nothing where it isn't refused.
_MUTATION = "mutation { reloadWorkspace { __typename } }"
_DATABASES = (("postgres", "postgres"), ("dagster", "dagster"), ("mlflow", "mlflow"))


@dataclass(frozen=True)
class _Request:
    """What a foreign page, or somebody without credentials, sends. `port` names an internal one of the store."""

    service: Service
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    port: str = ""
    body: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path.partition('?')[0]} of {self.port or self.service}"


_D, _M, _S = Service.DAGSTER, Service.MLFLOW, Service.OBJECT_STORE
_SEARCH, _CREATE = "/api/2.0/mlflow/registered-models/search", "/api/2.0/mlflow/experiments/create"
FOREIGN_HOST = (
    _Request(_D, "GET", "/server_info", _HOST),
    _Request(_D, "POST", "/graphql", {**_HOST, "Content-Type": "application/json"}, body='{"query": "{version}"}'),
    _Request(_M, "GET", _SEARCH, _HOST),
    _Request(_S, "GET", "/", _HOST),
    _Request(Service.ALERTMANAGER, "GET", "/api/v2/silences", _HOST),
)
FOREIGN_PAGE = (
    _Request(_D, "GET", f"/graphql?query={_MUTATION}"),
    _Request(_D, "POST", "/graphql", _PAGE, body='{"query": "{version}"}'),
    _Request(_D, "POST", f"/graphql?query={_MUTATION}", {"Content-Type": "text/plain"}),
    _Request(_M, "POST", _CREATE, _PAGE, body='{"name": "foreign page"}'),
    _Request(Service.PROMETHEUS, "POST", "/-/reload", _PAGE),
    _Request(Service.ALERTMANAGER, "POST", "/api/v2/silences", _PAGE, body="{}"),
)


class NetworkProofs:
    """The doors of the lab."""

    def __init__(self, clients: ProofClients) -> None:
        self._clients = clients

    def checks(self) -> Iterator[Check]:
        yield Check("network: loopback only", self._loopback)
        yield Check("network: the store refuses missing and wrong credentials", self._store)
        yield Check("network: the databases refuse missing and wrong passwords", self._databases)
        yield Check("network: a foreign Host is refused", self._foreign_host)
        yield Check("network: a foreign page changes nothing", self._foreign_page)

    async def _loopback(self) -> Found:
        exposed, count = await asyncio.to_thread(self._listening)
        return listed((f"listening elsewhere: {one}" for one in exposed), f"{count} ports, each on loopback")

    def _listening(self) -> tuple[list[str], int]:
        found = listening(self._clients.config)
        exposed = {f"{name} on {address}:{port}" for name, address, port in found if not is_loopback(address)}
        return sorted(exposed), len({port for _, _, port in found})

    async def _store(self) -> Found:
        config = self._clients.config
        audit = f"/{config.audit_bucket}"
        internal = [
            _Request(_S, "GET", "/1,0000000001", port="volume"),
            _Request(_S, "GET", "/buckets/", port="filer"),
        ]
        unsigned = [_Request(_S, method, audit + path) for method, path in (("GET", ""), ("PUT", "/x"), ("DELETE", ""))]
        answered = await self._answered(unsigned, {403}) + await self._answered(internal, {400, 401, 404})
        wrong = [name for name in (ADMIN, PIPELINE, MLFLOW, READER) if await asyncio.to_thread(self._opens, name)]
        return listed(
            [*answered, *(f"{name} gets in with a wrong secret" for name in wrong)],
            f"{len(unsigned) + len(internal)} unsigned requests and 4 identities with a wrong secret, each refused",
        )

    def _opens(self, identity: str) -> bool:
        """Whether the store takes a wrong secret for `identity`."""
        config = self._clients.config
        s3 = S3.connect(config.url(Service.OBJECT_STORE), identity, "wrong-" + "x" * 20)
        try:
            s3.keys_after(config.audit_bucket, "", "", 1)
        except (NotFound, ServiceUnavailable):
            raise
        except LabError:
            return False
        return True

    async def _databases(self) -> Found:
        found = [
            await asyncio.to_thread(self._connects, *pair, wrong) for pair in _DATABASES for wrong in ("", "wrong")
        ]
        return listed(
            (text for text in found if text), f"{len(found)} attempts on {len(_DATABASES)} databases, refused"
        )

    def _connects(self, user: str, database: str, password: str) -> str:
        import psycopg2

        port = self._clients.config.port(Service.POSTGRES)
        try:
            connect(LOOPBACK, port, database, user, password, connect_timeout=5).close()
        except psycopg2.OperationalError as err:
            refused = "password" in str(err)
            return "" if refused else f"{database} doesn't answer: {str(err).strip()}"
        return f"{user} gets into {database} with {'a wrong' if password else 'no'} password"

    async def _foreign_host(self) -> Found:
        answered = await self._answered(FOREIGN_HOST, {401, 403})
        return listed(answered, f"refused: {', '.join(map(str, FOREIGN_HOST))}")

    async def _foreign_page(self) -> Found:
        answered = await self._answered(FOREIGN_PAGE, {401, 403, 405, 415})
        return listed(answered, f"refused: {', '.join(map(str, FOREIGN_PAGE))}")

    async def _answered(self, requests: "list[_Request] | tuple[_Request, ...]", refusals: set[int]) -> list[str]:
        """Those requests that weren't refused, with their answers."""
        import httpx

        found = []
        async with httpx.AsyncClient(trust_env=False, verify=trusted("http:"), timeout=15) as client:
            for one in requests:
                url = self._base(one) + one.path
                try:
                    answer = await client.request(one.method, url, headers=dict(one.headers), content=one.body or None)
                except httpx.HTTPError as err:
                    if (BY_NAME[one.service].optional or one.port) and isinstance(err, httpx.ConnectError):
                        continue  # not installed here, or an inner port that containers keep to themselves
                    found.append(f"{one}: no answer ({type(err).__name__})")
                    continue
                if answer.status_code not in refusals:
                    found.append(f"{one} is answered with {answer.status_code}")
        return found

    def _base(self, request: _Request) -> str:
        config = self._clients.config
        if request.port:
            return f"http://{LOOPBACK}:{config.extra_port(request.service, request.port)}"
        return config.url(request.service)


def is_loopback(text: str) -> bool:
    """Whether only this machine reaches the address."""
    address = ip_address(text)
    # gRPC listens on an IPv6 socket bound to an IPv4 address, which only that IPv4 address reaches.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
