"""What fails with a service, and what failed because of which."""

import pytest

from lab.base.catalogue import CATALOGUE, Service
from lab.base.dependencies import causes, hindered, needed_by, tree

S = Service


@pytest.mark.parametrize(
    ("service", "others"),
    [
        (S.POSTGRES, (S.MLFLOW, S.DAGSTER_CODE, S.DAGSTER, S.DAGSTER_DAEMON)),
        (S.DAGSTER_CODE, (S.DAGSTER, S.DAGSTER_DAEMON)),
        (S.OBJECT_STORE, (S.MLFLOW, S.DRIFT_MONITOR, S.GOVERNANCE_METRICS)),
        (S.GRAFANA, ()),
    ],
)
def test_what_needs_a_service_is_named_also_by_way_of_others(service: Service, others: tuple[Service, ...]) -> None:
    assert needed_by(service) == others


@pytest.mark.parametrize(
    ("service", "out", "found"),
    [
        (S.DAGSTER, {S.POSTGRES, S.DAGSTER_CODE}, (S.POSTGRES,)),
        (S.DAGSTER, {S.DAGSTER_CODE}, (S.DAGSTER_CODE,)),
        (S.DAGSTER, {S.OBJECT_STORE}, ()),
        (S.MLFLOW, {S.POSTGRES, S.OBJECT_STORE}, (S.POSTGRES, S.OBJECT_STORE)),
        (S.POSTGRES, {S.POSTGRES}, ()),
    ],
)
def test_the_cause_is_what_needs_no_other_one_that_is_out(
    service: Service, out: set[Service], found: tuple[Service, ...]
) -> None:
    assert causes(service, out) == found


def test_what_can_not_be_up_without_a_service_counts_who_watches_it() -> None:
    assert hindered([]) == frozenset()
    assert hindered(["alertmanager"]) == {S.ALERTMANAGER, S.PROMETHEUS}
    assert S.DAGSTER in hindered([S.POSTGRES])


def test_every_service_stands_in_the_tree_under_what_it_needs() -> None:
    nodes = tree()
    assert {node.service for node in nodes} == {spec.name for spec in CATALOGUE}
    above: list[Service] = []
    for node in nodes:
        needs = next(spec.needs for spec in CATALOGUE if spec.name is node.service)
        above = [*above[: node.depth], node.service]
        assert (above[-2] in needs) if node.depth else not needs
    # What it needs anyway isn't drawn once more.
    assert [node.depth for node in nodes if node.service is S.DAGSTER] == [2]
    assert [node.depth for node in nodes if node.service is S.MLFLOW] == [1, 1]
