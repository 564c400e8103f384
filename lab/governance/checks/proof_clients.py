"""What the proofs use of the running lab."""

from dataclasses import dataclass

from lab.base.catalogue import Service
from lab.config import LabConfig
from lab.governance.cases.audit import bucket_weaknesses
from lab.governance.ledger import EntryStore
from lab.governance.ledger.retention import Weakness
from lab.services.dagster import Dagster
from lab.services.http import Http
from lab.services.mlflow import Mlflow
from lab.services.s3 import ADMIN, PIPELINE, READER, S3, AuditStore

# Bodies of entries kept between two readings of a trail; a longer one is read anew each time.
_KEPT = 20_000


class Remembering:
    """An `EntryStore` that asks once for each entry: they never change, and several proofs read all."""

    def __init__(self, store: EntryStore) -> None:
        self._store = store
        self._bodies: dict[str, bytes] = {}

    def create(self, key: str, body: bytes) -> bool:
        return self._store.create(key, body)

    def keys_after(self, key: str, limit: int) -> list[str]:
        return self._store.keys_after(key, limit)

    def read(self, key: str) -> bytes:
        if key in self._bodies:
            return self._bodies[key]
        body = self._store.read(key)
        if len(self._bodies) < _KEPT:
            self._bodies[key] = body
        return body


@dataclass(frozen=True)
class ProofClients:
    """One lab's services. `trail` is read as often as the attempts need it; what is verified is read from the store."""

    config: LabConfig
    dagster: Dagster
    mlflow: Mlflow
    pipeline: S3
    reader: S3
    admin: S3
    trail: EntryStore

    @classmethod
    def of_lab(cls, config: LabConfig) -> "ProofClients":
        """The running lab's; makes no request."""
        pipeline = S3.of_lab(config, PIPELINE, timeout_s=15)
        return cls(
            config,
            Dagster(Http.to(Service.DAGSTER, config.url(Service.DAGSTER), timeout_s=15)),
            Mlflow(Http.to(Service.MLFLOW, config.url(Service.MLFLOW), timeout_s=15)),
            pipeline,
            S3.of_lab(config, READER, timeout_s=15),
            S3.of_lab(config, ADMIN, timeout_s=15),
            Remembering(AuditStore(pipeline, config.audit_bucket, config.audit_prefix)),
        )

    def stored(self) -> EntryStore:
        """The trail as it lies in the store, with everything that was written over."""
        return AuditStore(self.reader, self.config.audit_bucket, self.config.audit_prefix)

    def weaknesses(self) -> tuple[Weakness, ...]:
        """In what the audit bucket protects entries less than promised. Raises LabError."""
        return bucket_weaknesses(self.config)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self.dagster.aclose()
        await self.mlflow.aclose()
