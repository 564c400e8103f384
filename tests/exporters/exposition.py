"""Reading an exposition back, as Prometheus would."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

Series = tuple[str, frozenset[tuple[str, str]]]


def parse(text: str) -> dict[Series, float]:
    """Every sample by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def exposed(collectors: Iterable[Collector]) -> str:
    """The text that a scrape of these collectors gives."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry).decode()


def scrape(collectors: Iterable[Collector]) -> dict[Series, float]:
    """What a scrape of these collectors gives."""
    return parse(exposed(collectors))


def value(samples: dict[Series, float], name: str, **labels: str) -> float:
    return samples[(name, frozenset(labels.items()))]


def names(samples: dict[Series, float]) -> set[str]:
    return {name for name, _ in samples}
