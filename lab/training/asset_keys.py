"""What Dagster calls a model's assets and steps; the last asset carries the name that the registry knows."""

from dataclasses import dataclass

import dagster as dg

from lab.base.model_id import ModelId


@dataclass(frozen=True)
class ModelKeys:
    """The four assets of one model, in the order in which its steps make them, and the group they are in."""

    model: ModelId
    data: dg.AssetKey
    validated: dg.AssetKey
    candidate: dg.AssetKey
    registered: dg.AssetKey

    @classmethod
    def of(cls, model: ModelId) -> "ModelKeys":
        return cls(
            model,
            dg.AssetKey(["data", model.slug]),
            dg.AssetKey(["data", f"{model.slug}_validated"]),
            dg.AssetKey(["models", f"{model.slug}_candidate"]),
            dg.AssetKey(["models", model.name]),
        )

    @property
    def group(self) -> str:
        return self.model.slug

    def op(self, step: str) -> str:
        """What Dagster calls the model's step."""
        return self.model.op(step)
