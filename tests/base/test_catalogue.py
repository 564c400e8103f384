"""The catalogue is sound: ports are unique, dependencies exist and have no cycle, names are found."""

import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from lab.base.catalogue import BY_NAME, CATALOGUE, LOOPBACK, MAX_PORT_OFFSET, OFFSET_STEP, Service, find, ports_at


def test_every_service_is_in_the_catalogue_once() -> None:
    assert [spec.name for spec in CATALOGUE] == list(Service)
    assert list(BY_NAME) == list(Service)


def test_no_two_services_share_a_port() -> None:
    ports = [port for spec in CATALOGUE for port in spec.ports(0).values()]

    assert len(ports) == len(set(ports))


def test_every_port_is_one_under_any_offset() -> None:
    ports = [port for spec in CATALOGUE for port in spec.ports(MAX_PORT_OFFSET).values()]

    assert min(port for spec in CATALOGUE for port in spec.ports(0).values()) > 1024
    assert max(ports) < 65_536


def test_multiples_of_the_step_share_no_port_and_no_other_hundreds_have_more_room() -> None:
    assert side_by_side(OFFSET_STEP) == MAX_PORT_OFFSET // OFFSET_STEP + 1
    assert max(map(side_by_side, range(100, 10_000, 100))) == side_by_side(OFFSET_STEP)
    # Why a step is named at all: at 2000, Dagster gets the port that MLflow has at 0.
    assert side_by_side(1000) == 2


def side_by_side(step: int) -> int:
    """How many labs fit beside each other whose offsets are 0, `step`, two of them, …"""
    used: set[int] = set()
    for number, offset in enumerate(range(0, MAX_PORT_OFFSET + 1, step)):
        if used & ports_at(offset).keys():
            return number
        used |= ports_at(offset).keys()
    return MAX_PORT_OFFSET // step + 1


def test_the_second_lab_of_the_readme_shares_no_port_with_the_first() -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text()
    offsets = [int(number) for number in re.findall(r"PORT_OFFSET=(\d+)", readme)]
    assert offsets
    assert all(offset % OFFSET_STEP == 0 for offset in offsets)


def test_dependencies_are_known_and_have_no_cycle() -> None:
    graph = {spec.name: spec.needs for spec in CATALOGUE}

    assert all(needed in BY_NAME for needs in graph.values() for needed in needs)
    assert len(list(TopologicalSorter(graph).static_order())) == len(graph)


def test_nothing_that_must_run_needs_what_may_be_missing() -> None:
    for spec in CATALOGUE:
        assert spec.optional or not any(BY_NAME[needed].optional for needed in spec.needs)


def test_a_page_needs_a_port() -> None:
    assert all(spec.port is not None for spec in CATALOGUE if spec.browsable)


@pytest.mark.parametrize("offset", [0, 1000])
def test_urls_carry_the_shifted_port(offset: int) -> None:
    assert BY_NAME[Service.MLFLOW].url(offset) == f"http://{LOOPBACK}:{5000 + offset}"
    assert BY_NAME[Service.POSTGRES].url(offset).startswith("postgresql://")
    assert BY_NAME[Service.DAGSTER_CODE].url(offset).startswith("grpc://")
    assert BY_NAME[Service.DAGSTER_DAEMON].url(offset) == ""
    assert BY_NAME[Service.OBJECT_STORE].extra_port("console", offset) == 9001 + offset
    assert BY_NAME[Service.OBJECT_STORE].ports(offset)[""] == 9000 + offset


def test_a_service_without_a_port_has_none_to_give() -> None:
    with pytest.raises(ValueError, match="dagster-daemon"):
        BY_NAME[Service.DAGSTER_DAEMON].port_at(0)


@pytest.mark.parametrize("alias", ["minio", "seaweedfs", "s3", "object-store"])
def test_the_object_store_has_many_names(alias: str) -> None:
    assert find(alias).name is Service.OBJECT_STORE


@pytest.mark.parametrize("name", ["", "mlflw", "MLflow", "postgres "])
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(KeyError, match="grafana"):
        find(name)
