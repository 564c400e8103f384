"""What Dagster calls a model's assets; the last one carries the name that the registry knows."""

from dataclasses import dataclass

import dagster as dg

from lab.models.model_folder import Model


@dataclass(frozen=True)
class ModelKeys:
    """The four assets of one model, in the order in which its steps make them, and the group they are in."""

    data: dg.AssetKey
    validated: dg.AssetKey
    candidate: dg.AssetKey
    registered: dg.AssetKey
    group: str

    @classmethod
    def of(cls, model: Model) -> "ModelKeys":
        return cls(
            dg.AssetKey(["data", model.slug]),
            dg.AssetKey(["data", f"{model.slug}_validated"]),
            dg.AssetKey(["models", f"{model.slug}_candidate"]),
            dg.AssetKey(["models", model.contract.name]),
            model.slug,
        )
