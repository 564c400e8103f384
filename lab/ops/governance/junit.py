"""Proofs as JUnit XML, which every CI system shows."""

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from lab.core.errors import LabError
from lab.ops.governance.proof import Proof

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
