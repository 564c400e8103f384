"""What the documents say of AWS is there: each resource and each test that they name."""

import re

from lab.envfile import ROOT
from tests.support.aws.gaps import GAPS
from tests.support.aws.terraform import SOURCE

_MADE = {
    f"{kind}.{name}"
    for file in (SOURCE / "modules").glob("*/*.tf")
    for kind, name in re.findall(r'^resource "(\w+)" "(\w+)"', file.read_text(), re.MULTILINE)
}
_TESTS = {path.name for path in (SOURCE / "tests").glob("*.tftest.hcl")} | {
    name
    for path in (ROOT / "tests").glob("*/test_*.py")
    for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
}


def test_each_line_of_the_threat_model_names_resource_and_test() -> None:
    _, section = (ROOT / "docs" / "threat-model.md").read_text().split("## How the shape on AWS closes the gaps")
    lines = [line.strip("|").split("|") for line in section.split("\n## ")[0].splitlines() if line.startswith("| ")][2:]
    assert len(lines) >= 6
    for gap, closed, shown in lines:
        resources, tests = (set(re.findall(r"`([\w.]+)`", cell)) for cell in (closed, shown))
        assert resources, gap
        assert resources <= _MADE, gap
        assert tests, gap
        assert tests <= _TESTS, gap


def test_every_gap_of_the_emulator_is_of_a_resource_that_is_made() -> None:
    made = {one.partition(".")[0] for one in _MADE}
    assert {gap.resource for gap in GAPS} <= made
    assert len({gap.resource for gap in GAPS}) == len(GAPS)
