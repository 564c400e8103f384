"""The data's drift in full: every feature's histogram in the baseline's bins, baseline against current."""

import asyncio
import io
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from lab.base.dataset import DatasetRef, read_rows
from lab.base.drift import Histogram, Profile, histograms
from lab.base.errors import NotFound
from lab.base.model_id import ModelId
from lab.config import LabConfig
from lab.models.listing import drift_limit, listed_models
from lab.observe.details.store_reading import TIMEOUT_S, StoreSource
from lab.services.s3 import READER, S3

# A row of the shipped data has about 270 bytes, and an answer is 8 MB at most.
_SMALL_ROWS = 20_000
# A big data set is counted as far as it gets in this time: it must not take the screen's breath away.
BUDGET_S = 6.0


@dataclass(frozen=True)
class DriftDetail:
    """`rows` of the current data were counted; `whole` is false when there are more."""

    current: DatasetRef
    baseline: DatasetRef
    baseline_rows: int
    histograms: tuple[Histogram, ...]
    rows: int
    whole: bool


def _limited(found: DriftDetail, limit: float) -> DriftDetail:
    """Judged by the contract's limit."""
    return replace(found, histograms=tuple(replace(one, limit=limit) for one in found.histograms))


class DriftSource:
    """Compares a model's current data with its baseline. Methods raise LabError."""

    def __init__(self, config: LabConfig) -> None:
        self._config = config
        self._details = StoreSource(config)
        # Two models may have the same data, and compare other columns of it.
        self._known: dict[str, DriftDetail] = {}

    async def drift(self, name: str = "") -> DriftDetail:
        """The comparison, without a name of the default model; made anew only when the data or the baseline changed.

        Raises NotFound before the seed.
        """
        model = self._model(name)
        known = self._known.get(model.slug)
        current, baseline = await asyncio.gather(
            self._reference(model.current_key), self._reference(model.baseline_key)
        )
        digest = (self._config.baseline_data_hash if model.default else "") or baseline.sha256
        if digest != baseline.sha256:
            baseline = DatasetRef(digest, 0, "BASELINE_DATA_HASH")
        if known and (known.current.sha256, known.baseline.sha256) == (current.sha256, baseline.sha256):
            return _limited(known, drift_limit(self._config.pipelines / model.slug))
        profile = Profile.from_json(await self._get(model.profile_key(digest)))
        lines = await self._lines(current)
        known = await asyncio.to_thread(count, profile, lines, current, baseline)
        self._known[model.slug] = known
        return _limited(known, drift_limit(self._config.pipelines / model.slug))

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._details.aclose()

    def _model(self, name: str) -> ModelId:
        models = listed_models(self._config.pipelines)
        found = next((one for one in models if one.name == name or (one.default and not name)), None)
        if found or (models and not name):
            return found or models[0]
        what = f"model {name}" if name else "model at all"
        raise NotFound(f"There is no {what}.", "Type `invoke models` for those there are.")

    async def _lines(self, current: DatasetRef) -> Iterable[str]:
        if current.rows <= _SMALL_ROWS:
            return io.StringIO((await self._get(current.key)).decode(errors="replace"), newline="")
        # Only boto3 streams; it takes memory, which a data set of this size does anyway.
        reader = await asyncio.to_thread(S3.of_lab, self._config, READER, TIMEOUT_S)
        return reader.lines(self._config.data_bucket, current.key)

    async def _get(self, key: str) -> bytes:
        return await self._details.reader.get(self._config.data_bucket, key)

    async def _reference(self, key: str) -> DatasetRef:
        try:
            return DatasetRef.from_json(await self._get(key))
        except NotFound:
            raise NotFound("The data isn't seeded yet.", "Type `invoke seed`.") from None


def count(
    profile: Profile, lines: Iterable[str], current: DatasetRef, baseline: DatasetRef, budget_s: float = BUDGET_S
) -> DriftDetail:
    """The current data's `lines` over the profile's bins, for at most `budget_s`. Raises DatasetInvalid."""
    cut = _Cut(lines, time.monotonic() + budget_s)
    found, rows = histograms(profile, read_rows(cut))
    return DriftDetail(current, baseline, profile.rows, found, rows, not cut.ended_early)


class _Cut:
    """Lines until a moment of the steady clock."""

    def __init__(self, lines: Iterable[str], end: float) -> None:
        self._lines, self._end = lines, end
        self.ended_early = False

    def __iter__(self) -> Iterator[str]:
        for number, line in enumerate(self._lines):
            # At least some rows, however slowly they come.
            if number > 100 and time.monotonic() > self._end:
                self.ended_early = True
                return
            yield line
