"""What a snapshot says of the models that have a folder: each file is read again only when it changes."""

from pathlib import Path

from lab.models.listing import glance
from lab.models.soundness import trouble
from lab.observe.snapshot import ModelInfo


def model_infos(pipelines: Path) -> tuple[ModelInfo, ...]:
    """The models, by folder, as far as their contracts can be read. Raises nothing."""
    return tuple(
        ModelInfo(one.id.name, one.id.default, one.decisive, trouble(pipelines / one.id.slug, one.data))
        for one in glance(pipelines)
    )
