"""One guardrail, what was tried, and what was seen of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from lab.core.errors import LabError

DEADLINE_S = 150.0
_LISTED = 5


@dataclass(frozen=True)
class Proof:
    """One guardrail: `evidence` holds what was seen, also where it held. `seconds` is how long it took."""

    name: str
    passed: bool
    evidence: str
    seconds: float = 0.0


# Whether the guardrail held, and the evidence.
Found = tuple[bool, str]


@dataclass(frozen=True)
class Check:
    """How a guardrail is proved."""

    name: str
    prove: Callable[[], Awaitable[Found]]

    async def settle(self, deadline_s: float = DEADLINE_S) -> Proof:
        """The proof, whatever goes wrong on the way: what can't be asked isn't proved."""
        began = time.monotonic()
        try:
            passed, evidence = await asyncio.wait_for(self.prove(), deadline_s)
        except TimeoutError:
            passed, evidence = False, f"no answer within {deadline_s:.0f} s"
        except LabError as err:
            passed, evidence = False, str(err)
        except Exception as err:  # a library's own error must end this proof, not all the others
            passed, evidence = False, f"{type(err).__name__}: {err}"
        return Proof(self.name, passed, evidence, round(time.monotonic() - began, 3))


def listed(problems: Iterable[object], good: str) -> Found:
    """A proof that holds when there are no problems; of many the first ones are shown."""
    found = [str(problem) for problem in problems]
    more = f"; and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    return not found, "; ".join(found[:_LISTED]) + more if found else good
