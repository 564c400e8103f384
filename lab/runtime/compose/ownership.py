"""Whose the engine's things are that carry a lab's name: two clones give their labs the same name, but never one id."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.runtime.lab_marker import COMPOSE, lab_id, recorded_runtime

ID_LABEL = "org.mlops-lab.id"
# Compose's own label of a container: the files of variables that it was made with.
_MADE_WITH = "com.docker.compose.project.environment_file"
# Below a home: the Compose file that labels what is made from there.
LABELLING = Path("compose") / "identity.yaml"
Labels = Mapping[str, str]


def home_of(labels: Labels) -> Path | None:
    """The home that a container was made from; None for what doesn't say, as volumes, networks and runs."""
    path = labels.get(_MADE_WITH, "").partition(",")[0]
    return Path(path).parent.parent if path else None


@dataclass(frozen=True)
class Ownership:
    """What belongs to the lab at `home`: what has one of its `ids` and, with `unlabelled`, what has none.

    Labs began to have an id after labs began to have containers, and a volume's labels can't be changed.
    """

    home: Path
    ids: frozenset[str]
    unlabelled: bool

    def owns(self, labels: Labels) -> bool:
        """Whether a thing with these labels is this lab's."""
        if _lives_elsewhere(self.home, labels):
            return False
        known = labels.get(ID_LABEL, "")
        return home_of(labels) == self.home or (known in self.ids if known else self.unlabelled)


def ownership(home: Path, containers: Iterable[Labels]) -> Ownership:
    """Of the lab at `home`, given the labels of every container that carries its name.

    A home that lost its record finds its id again on its containers. One that is a copy of a living lab's owns nothing.
    """
    known = list(containers)
    here = {labels.get(ID_LABEL, "") for labels in known if home_of(labels) == home}
    elsewhere = {labels.get(ID_LABEL, "") for labels in known if _lives_elsewhere(home, labels)}
    ids = (here | {lab_id(home), _labelled_as(home)}) - elsewhere - {""}
    unlabelled = "" not in elsewhere and ("" in here or recorded_runtime(home) == COMPOSE)
    return Ownership(home, frozenset(ids), unlabelled)


def _labelled_as(home: Path) -> str:
    """What this home's things were labelled with: an older version of the lab writes its record without the id."""
    try:
        networks = json.loads((home / LABELLING).read_text())["networks"]
        return str(next(iter(networks.values()))["labels"][ID_LABEL])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return ""


def _lives_elsewhere(home: Path, labels: Labels) -> bool:
    """Whether the container was made from another home that still has the lab: a folder may also have been moved."""
    other = home_of(labels)
    if other is None or other == home or recorded_runtime(other) != COMPOSE:
        return False
    known = labels.get(ID_LABEL, "")
    return not known or lab_id(other) == known


def labelling(files: Sequence[Path], lab_id: str) -> str:
    """YAML that labels everything of these Compose files."""
    import yaml

    label = {"labels": {ID_LABEL: lab_id}}
    merged: dict[str, dict[str, Any]] = {kind: {} for kind in ("services", "networks", "volumes")}
    for found in (yaml.safe_load(file.read_text()) for file in files):
        for kind, labelled in merged.items():
            labelled.update({name: dict(label) for name in found.get(kind, {})})
    return json.dumps(merged, indent=1)
