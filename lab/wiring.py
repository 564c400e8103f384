"""The composition root: settings become a runtime, and use cases that have what they need."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lab import envfile, settings
from lab.base.catalogue import Service
from lab.base.errors import ClaimRefused, LabError, SettingsError
from lab.config import LabConfig
from lab.governance.rules.policy import Policy
from lab.runtime.runtime import Runtime

if TYPE_CHECKING:
    from lab.observe.details import DetailSource
    from lab.observe.observer import Observer
    from lab.observe.snapshot import Snapshot
    from lab.runtime.binaries import Resolver
    from lab.services.prometheus_data import PrometheusData


def load_config(environ: Mapping[str, str] = os.environ) -> LabConfig:
    """The lab's configuration. Raises SettingsError."""
    from lab.governance.rules.policy_file import read_policy

    return settings.load(read_policy, environ)


def config_to_run(environ: Mapping[str, str] = os.environ) -> LabConfig:
    """As `load_config`, for whoever launches a run: a claim that is refused leaves an audit entry.

    Raises PolicyDenied then.
    """
    try:
        return load_config(environ)
    except ClaimRefused as err:
        from lab.governance.rules.policy_file import read_policy
        from lab.operations.demo_run import refuse

        config, claim = settings.load_refused(read_policy, environ)
        # The entry belongs into this lab's trail, and into no other's.
        raise refuse(own_lab(config), claim, err) from None


def config_to_end(environ: Mapping[str, str] = os.environ) -> LabConfig:
    """As `load_config`, but a policy that can't be read allows nothing instead: a lab can always be stopped."""
    from lab.governance.rules.policy_file import read_policy

    def tolerant(path: Path, variables: Mapping[str, str]) -> Policy:
        try:
            return read_policy(path, variables)
        except SettingsError:
            return Policy(())

    return settings.load(tolerant, environ)


def own_lab(config: LabConfig | None = None) -> LabConfig:
    """The configuration of the lab that is up: what acts on a lab begins with this. Raises LabError when it isn't up,
    or another lab has its ports.
    """
    from lab.operations.own_lab import require

    found = config or load_config()
    require(found, lambda: runtime(found))
    return found


def first_config(environ: Mapping[str, str] = os.environ) -> tuple[LabConfig, str]:
    """As `load_config`, with `.env` made where there is none, and secrets where it lacks them; also what was done."""
    load_config(environ)  # a wrong value must not be written down
    done = envfile.prepare(environ)
    return load_config(environ), done


def runtime(config: LabConfig) -> Runtime:
    """What runs the lab. Raises LabError for one elsewhere."""
    if config.endpoints:
        raise LabError(
            "Processes and logs of a lab elsewhere are not observable from here.", "Ask on the machine that it runs on."
        )
    from lab.runtime.lab_marker import runtime_name

    if runtime_name(config) == "compose":
        from lab.base.source_code import code_version
        from lab.runtime.compose.compose_runtime import ComposeRuntime

        return ComposeRuntime(config, code_version=lambda: code_version(config.root))
    from lab.runtime.native.native_runtime import NativeRuntime

    return NativeRuntime(config, binaries(config))


def details(config: LabConfig, kind: str) -> "DetailSource":
    """Where a drill-down asks about things of this `kind` (see `lab.observe.details`). Raises LabError."""
    from lab.observe.details import open_details

    return open_details(config, lambda: runtime(config), kind)


def binaries(config: LabConfig | None = None) -> "Resolver":
    """Where native servers come from; those of a lab stay what they were when it was started."""
    from lab.runtime.binaries import Resolver, default_cache
    from lab.runtime.binaries.found_on_path import Found

    if config is None:
        return Resolver()
    found = Found(config.home / "config" / "programs.json")
    return Resolver(default_cache(config.home), found=found, shared=True)


def observer(config: LabConfig, once: bool = False) -> "Observer":
    """What takes snapshots of the lab; where it is asked only `once`, no later one could bring what comes late."""
    from lab.observe.observer import DEADLINE_S
    from lab.observe.sources import PATIENCE_S

    patience_s = DEADLINE_S if once else PATIENCE_S
    if config.endpoints:
        from lab.observe.remote import RemoteObserver

        return RemoteObserver(config, patience_s=patience_s)
    from lab.observe.observer import Observer
    from lab.runtime.lab_marker import recorded_runtime

    return Observer(
        config,
        runtime(config),
        patience_s=patience_s,
        started=lambda: bool(recorded_runtime(config.home)),
        once=once,
    )


def prometheus_data(config: LabConfig) -> "PrometheusData":
    """What dashboards ask: the Prometheus of this lab, and nobody else. Raises LabError where it has no address."""
    from lab.observe.remote import login
    from lab.services.http import Http
    from lab.services.prometheus_data import PrometheusData

    if config.endpoints and Service.PROMETHEUS not in config.endpoints:
        raise LabError("Prometheus of that lab has no address here.", "Give it by --prometheus-url.")
    return PrometheusData(Http.to(Service.PROMETHEUS, config.url(Service.PROMETHEUS), transport=login(config)))


def first_snapshot(config: LabConfig, now: float) -> "Snapshot":
    """A snapshot in which everything is still waiting; `now` is epoch seconds."""
    if config.endpoints:
        from lab.observe.remote import first_remote_snapshot

        return first_remote_snapshot(config, now)
    from lab.observe import observer

    return observer.first_snapshot(config, runtime(config).name, now)
