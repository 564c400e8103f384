"""One guardrail, what was tried, what was seen of it; and all of them as JUnit XML, which every CI system shows."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from lab.base.errors import LabError, told

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
            passed, evidence = False, told(err)
        return Proof(self.name, passed, evidence, round(time.monotonic() - began, 3))


def listed(problems: Iterable[object], good: str) -> Found:
    """A proof that holds when there are no problems; of many the first ones are shown."""
    found = [str(problem) for problem in problems]
    more = f"; and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    return not found, "; ".join(found[:_LISTED]) + more if found else good


SUITE = "verify-governance"
# What XML 1.0 can't hold.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(proofs: Sequence[Proof], lab: str, timestamp: str) -> bytes:
    """One suite with a case for each proof; `timestamp` is ISO 8601. A proof's group is its class."""
    totals = {
        "tests": str(len(proofs)),
        "failures": str(sum(not proof.passed for proof in proofs)),
        "errors": "0",
        "skipped": "0",
        "time": f"{sum(proof.seconds for proof in proofs):.3f}",
    }
    shared = {name: totals[name] for name in ("tests", "failures", "errors", "time")}
    root = ElementTree.Element("testsuites", {"name": SUITE, **shared})
    named = {"name": _clean(f"{SUITE} of {lab}"), "timestamp": timestamp}
    suite = ElementTree.SubElement(root, "testsuite", named | totals)
    for proof in proofs:
        suite.append(_case(proof))
    ElementTree.indent(root)
    body: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def write_junit(path: Path, proofs: Sequence[Proof], lab: str, timestamp: str) -> None:
    """Writes the XML to a file. Raises LabError."""
    try:
        path.write_bytes(junit(proofs, lab, timestamp))
    except OSError as err:
        raise LabError(
            f"Can't write {path}: {err.strerror}.", "Give --junit a file in a folder that is there."
        ) from None


def _case(proof: Proof) -> ElementTree.Element:
    group, _, what = proof.name.partition(": ")
    name = _clean(what or group)
    case = ElementTree.Element("testcase", classname=_clean(f"{SUITE}.{group}"), name=name, time=f"{proof.seconds:.3f}")
    evidence = _clean(proof.evidence)
    if not proof.passed:
        ElementTree.SubElement(case, "failure", message=evidence, type="AssertionError").text = evidence
    ElementTree.SubElement(case, "system-out").text = evidence
    return case


def _clean(text: str) -> str:
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
