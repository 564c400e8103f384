"""What docs/performance.md says of scrapes was measured with every metric in them."""

from collections.abc import Callable, Sequence

import pytest

from benchmarks.exporters import PARTS, scrape_ms
from exporters.serve import LabCollector


@pytest.mark.parametrize(("make", "size"), [(make, sizes[0]) for _, _, make, sizes in PARTS])
def test_no_metric_is_missing_from_what_is_timed(make: Callable[[int], Sequence[LabCollector]], size: int) -> None:
    assert scrape_ms(make(size)) > 0


def test_a_scrape_without_some_metrics_is_not_timed() -> None:
    class Broken(LabCollector):
        def families(self) -> list[object]:  # type: ignore[override]
            raise ValueError

    with pytest.raises(SystemExit, match="without some metrics"):
        scrape_ms([Broken()])
