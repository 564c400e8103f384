"""What Terraform tells the lab's processes: the names of the variables in terraform/modules/lab/services.tf."""

import re
from functools import cache
from typing import Any

from tests.support.aws.terraform import SOURCE

_FILE = SOURCE / "modules" / "lab" / "services.tf"
_MAP = re.compile(
    r"^  (?P<name>\w+) +=(?: merge\(local\.(?P<base>\w+),)? \{\n(?P<body>.*?)^  \}\)?$", re.MULTILINE | re.DOTALL
)
_VARIABLE = re.compile(r"^    ([A-Z][A-Z0-9_]+) += ", re.MULTILINE)


@cache
def _maps() -> dict[str, tuple[str, frozenset[str]]]:
    """Each map of variables, with the one that it adds to."""
    found = _MAP.finditer(_FILE.read_text())
    return {one["name"]: (one["base"] or "", frozenset(_VARIABLE.findall(one["body"]))) for one in found}


def told(name: str) -> frozenset[str]:
    """The variables in a map of services.tf: common, dagster, launcher or run."""
    base, own = _maps()[name]
    return own | (told(base) if base else frozenset())


def told_service(name: str) -> frozenset[str]:
    """The variables of a service that has nothing but whole maps."""
    import hcl2

    with _FILE.open() as text:
        service: Any = hcl2.load(text)["locals"][0]["services"][name]
    maps = re.findall(r"local\.(\w+)", service["environment"])
    assert maps, name
    return frozenset().union(*map(told, maps))
