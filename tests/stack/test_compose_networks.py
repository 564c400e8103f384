"""Who may meet whom: the networks of each service, and what leads outside."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from lab.runtime.compose.compose_files import Stack
from tests.stack.stacks import Make, Model, granted, resolved

# Who may meet whom: the tiers of each service, and nothing else.
TIERS: Mapping[str, set[str]] = {
    "volumes": set(),
    "provision": {"database", "storage"},
    "postgres": {"edge", "database"},
    "object-store": {"edge", "storage"},
    "mlflow": {"edge", "database", "storage", "tracking"},
    "dagster-code": {"database", "code"},
    "dagster": {"edge", "database", "code", "orchestration"},
    "dagster-daemon": {"database", "code", "storage", "tracking"},
    "drift-monitor": {"edge", "storage", "monitoring"},
    "dagster-metrics": {"edge", "database", "orchestration", "monitoring"},
    "governance-metrics": {"edge", "storage", "tracking", "monitoring"},
    "prometheus": {"edge", "storage", "tracking", "monitoring"},
    "alertmanager": {"edge", "monitoring"},
    "grafana": {"edge", "monitoring"},
}


def test_each_service_is_on_the_networks_of_its_tiers_only(models: list[Model]) -> None:
    for model in models:
        assert {name: set(one.get("networks") or ()) for name, one in model["services"].items()} == TIERS
        assert model["services"]["volumes"]["network_mode"] == "none"


def test_exporters_and_pages_do_not_meet_the_database_but_for_the_one_that_asks_whether_it_is_there(
    model: Model,
) -> None:
    meets = {name for name, tiers in TIERS.items() if "database" in tiers}
    users = {"provision", "postgres", "mlflow", "dagster-code", "dagster", "dagster-daemon"}
    assert meets == users | {"dagster-metrics"}
    assert granted(model["services"]["dagster-metrics"]) == set(), "it knows no password"


def test_only_the_network_for_publishing_leads_outside_and_containers_do_not_meet_there(model: Model) -> None:
    outside = {name: network for name, network in model["networks"].items() if not network.get("internal")}
    assert set(outside) == {"edge"}
    options = outside["edge"]["driver_opts"]
    assert options["com.docker.network.bridge.enable_icc"] == "false"
    assert options["com.docker.network.bridge.enable_ip_masquerade"] == "false"
    # Else the containers of a tier would reach what listens on this machine.
    inside = [network for network in model["networks"].values() if network.get("internal")]
    assert all(one["driver_opts"]["com.docker.network.bridge.inhibit_ipv4"] == "true" for one in inside)
    # A name on `edge` would lead to an address that doesn't answer.
    assert all(not (one.get("networks") or {}).get("edge") for one in model["services"].values())


def test_names_that_services_are_told_are_known_on_a_tier_that_they_share(minio: Stack, model: Model) -> None:
    aliases = {
        alias: (name, tier)
        for name, service in model["services"].items()
        for tier, how in (service.get("networks") or {}).items()
        for alias in (how or {}).get("aliases", ())
    }
    for name, service in model["services"].items():
        told = json.dumps(service.get("environment") or {})
        if name == "prometheus":
            told += (minio.folder / "config" / "prometheus.yml").read_text()
        for alias in set(re.findall(r"[a-z-]+\.lab\b", told)):
            owner, tier = aliases[alias]
            assert tier in TIERS[name] or owner == name, f"{name} is told {alias}, which is known on {tier}"


def test_only_alertmanager_gets_a_way_out_and_only_when_somebody_is_to_be_told(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("https://hooks.example.com/very-secret")
    path.chmod(0o600)
    stack = make(OBJECT_STORE="seaweedfs", LAB_NAME="static", ALERT_WEBHOOK_URL_FILE=str(path))
    found = resolved(stack)

    assert [name for name, one in found["services"].items() if "alerting" in one.get("networks", {})] == [
        "alertmanager"
    ]
    assert set(found["services"]["alertmanager"]["networks"]) == {"edge", "monitoring", "alerting"}
    assert "com.docker.network.bridge.enable_ip_masquerade" not in found["networks"]["alerting"]["driver_opts"]
    shown = json.dumps(found) + stack.variables_file.read_text()
    shown += "".join(file.read_text() for part in ("env", "config") for file in (stack.folder / part).iterdir())
    assert "very-secret" not in shown
    assert "very-secret" in (stack.folder / "secrets" / "alertmanager-config").read_text()
