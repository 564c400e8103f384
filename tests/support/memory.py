"""An audit trail in memory."""

from lab.base.errors import ServiceUnavailable
from lab.governance.ledger import Entry, parse


class MemoryEntries:
    """`lab.governance.ledger.EntryStore` in memory. With `down` set, it answers nothing."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.down = False

    def create(self, key: str, body: bytes) -> bool:
        self._answer()
        if key in self.bodies:
            return False
        self.bodies[key] = body
        return True

    def read(self, key: str) -> bytes:
        self._answer()
        return self.bodies[key]

    def keys_after(self, key: str, limit: int) -> list[str]:
        self._answer()
        return sorted(known for known in self.bodies if known > key)[:limit]

    @property
    def entries(self) -> list[Entry]:
        return [parse(self.bodies[key]) for key in sorted(self.bodies)]

    def _answer(self) -> None:
        if self.down:
            raise ServiceUnavailable("The object store doesn't answer.")
