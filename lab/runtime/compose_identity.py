"""The label that says whose a container, a volume or a network is, as a file that Compose merges with the others.

It isn't in compose.yaml: a lab from before labs had an id would have its networks and containers made anew for it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.runtime.ownership import ID_LABEL


def labelling(files: Sequence[Path], lab_id: str) -> str:
    """YAML that labels everything of these Compose files."""
    import yaml

    label = {"labels": {ID_LABEL: lab_id}}
    merged: dict[str, dict[str, Any]] = {kind: {} for kind in ("services", "networks", "volumes")}
    for found in (yaml.safe_load(file.read_text()) for file in files):
        for kind, labelled in merged.items():
            labelled.update({name: dict(label) for name in found.get(kind, {})})
    return json.dumps(merged, indent=1)
