"""`up` ends when every service works at the same time."""

import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.base.catalogue import ProcessFact, Service
from lab.base.errors import LabError, ServiceUnavailable, StartupFailed
from lab.base.progress import Progress, pause_s
from lab.observe.probes import ProbeResult
from lab.observe.snapshot import Health
from lab.operations import bring_up
from lab.operations.bring_up import restart, up
from lab.operations.starter import Starter
from tests.support.played_lab import config

SERVICES = (Service.OBJECT_STORE, Service.DRIFT_MONITOR, Service.PROMETHEUS)


class Runtime:
    """Three services, of which the drift monitor has just been stopped."""

    def __init__(self) -> None:
        self.known = dict.fromkeys(SERVICES, ProcessFact("running")) | {Service.DRIFT_MONITOR: ProcessFact("stopped")}

    def services(self) -> Sequence[Service]:
        return SERVICES

    def facts(self, measured: bool = False) -> dict[Service, ProcessFact]:
        return dict(self.known)

    def start(self, service: Service) -> None:
        self.known[service] = ProcessFact("running")


class Prober:
    """Prometheus works until it notices that the monitor was away, which it does late, and for some probes."""

    def __init__(self) -> None:
        self.asked: list[Service] = []

    async def check(self, service: Service) -> ProbeResult:
        self.asked.append(service)
        missed = service is Service.PROMETHEUS and 2 <= self.asked.count(service) <= 3
        return ProbeResult(service, Health.DEGRADED, "a target is down") if missed else ProbeResult(service, Health.UP)


async def test_services_have_the_whole_time_also_when_images_had_to_be_made_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready_at: list[float] = []
    ends: list[float] = []

    class Preparing(Runtime):
        def changes(self) -> dict[Service, Sequence[str]]:
            return {}

        def prepare(self, _: object) -> None:
            begun = time.monotonic()
            while time.monotonic() < begun + 0.3:
                continue
            ready_at.append(time.monotonic())

        def release(self) -> None:
            return

    async def start(*given: Any) -> Any:
        ends.append(given[4])
        return SimpleNamespace(started=[], ready_after={}), ()

    monkeypatch.setattr(bring_up, "_start", start)
    await bring_up.up(config(tmp_path), Preparing(), {}, lambda _: None, deadline_s=0.2)  # type: ignore[arg-type]
    assert ends[0] >= ready_at[0] + 0.2


async def test_up_waits_for_what_stopped_working_while_another_started() -> None:
    prober = Prober()
    runtime = Runtime()
    told: list[Progress] = []
    starter = Starter(
        runtime,  # type: ignore[arg-type]  # the few methods that starting needs
        prober,
        {},
        told.append,
        time.monotonic() + 60,
        {},
        {},
    )
    await starter.run()
    assert starter.started == [Service.DRIFT_MONITOR]
    assert {service: result.health for service, result in starter.results.items()} == dict.fromkeys(SERVICES, Health.UP)
    assert prober.asked.count(Service.PROMETHEUS) == 4
    about = [(one.state, one.detail) for one in told if one.subject == Service.PROMETHEUS]
    assert about == [("in_progress", "a target is down"), ("up", "Prometheus")]


async def test_probes_know_since_when_each_process_runs() -> None:
    """What a daemon met before its database came back is no reason to wait."""
    runtime, began_at = Runtime(), dict[Service, float]()
    runtime.known[Service.OBJECT_STORE] = ProcessFact("running", uptime_s=1000.0)
    before = time.time()
    starter = Starter(
        runtime,  # type: ignore[arg-type]  # the few methods that starting needs
        Prober(),
        {},
        lambda _: None,
        time.monotonic() + 60,
        began_at,
        {},
    )
    await starter.run()
    assert began_at[Service.OBJECT_STORE] <= time.time() - 1000
    assert began_at[Service.DRIFT_MONITOR] >= before
    assert Service.PROMETHEUS not in began_at


class Life:
    """A whole lab that is up, whose probes find nothing."""

    name = "native"

    def __init__(self, **known: ProcessFact) -> None:
        self.known = dict.fromkeys(Service, ProcessFact("running"))
        self.known |= {Service(name.replace("_", "-")): fact for name, fact in known.items()}
        self.did: list[str] = []
        self.differ: dict[Service, Sequence[str]] = {}
        self.prepare_fails = False

    def services(self) -> Sequence[Service]:
        return list(Service)

    def facts(self, measured: bool = False) -> dict[Service, ProcessFact]:
        return dict(self.known)

    def changes(self) -> dict[Service, Sequence[str]]:
        return self.differ

    def prepare(self, note: object, only: Sequence[Service] = ()) -> None:
        self.did.append(f"prepare {','.join(only)}")
        if self.prepare_fails:
            raise LabError("the disk is full.")

    def stop(self, services: Sequence[Service], deadline_s: float) -> None:
        self.did += [f"stop {service}" for service in services]

    def start(self, service: Service) -> None:
        self.did.append(f"start {service}")

    def release(self) -> None:
        self.did.append("release")

    def tail(self, service: Service, lines: int) -> Sequence[str]:
        return ()


class Slow(Prober):
    """Nothing works before it was asked some times."""

    async def check(self, service: Service) -> ProbeResult:
        self.asked.append(service)
        waits = self.asked.count(service) < 9
        return ProbeResult(service, Health.STARTING, "not yet") if waits else ProbeResult(service, Health.UP)


async def started(runtime: Runtime, prober: Prober) -> None:
    end = time.monotonic() + 60
    await Starter(runtime, prober, {}, lambda _: None, end, {}, {}).run()  # type: ignore[arg-type]  # see above


async def test_the_runtime_is_asked_for_all_that_wait_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    class Counting(Runtime):
        def facts(self, measured: bool = False) -> dict[Service, ProcessFact]:
            asked.append(measured)
            return super().facts()

    every_s, begin = 0.2, time.monotonic()
    monkeypatch.setattr("lab.operations.starter.FACTS_EVERY_S", every_s)
    await started(Counting(), Slow())
    # Each for itself, they would ask as often as there are services.
    assert 2 < len(asked) <= 2 + (time.monotonic() - begin) / every_s
    assert not any(asked), "nobody waits for a service's memory"


async def test_a_failure_of_an_earlier_start_is_not_this_ones() -> None:
    runtime = Runtime()
    runtime.known[Service.DRIFT_MONITOR] = ProcessFact("failed", reason="fatal: it ended too often")
    await started(runtime, Slow())


async def test_a_service_that_ends_too_often_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fatal(Runtime):
        def start(self, service: Service) -> None:
            self.known[service] = ProcessFact("failed", reason="fatal: it ended too often")

        def tail(self, service: Service, lines: int) -> Sequence[str]:
            return ()

    monkeypatch.setattr("lab.operations.starter.FACTS_EVERY_S", 0.0)
    with pytest.raises(StartupFailed, match="doesn't start"):
        await started(Fatal(), Slow())


async def test_a_service_that_never_answers_what_it_is_to_hold_ends_with_its_log() -> None:
    class Logged(Runtime):
        def tail(self, service: Service, lines: int) -> Sequence[str]:
            stack = ["goroutine 7 [running]:", *("main.f()", "\tmain.go:7") * 90, ""]
            return ("Starting", "F1201 02:20:23 split brain", *stack)[-lines:]

    def unanswered(_: float) -> Sequence[str]:
        raise ServiceUnavailable("The object store doesn't answer.")

    starter = Starter(
        Logged(),  # type: ignore[arg-type]  # the few methods that starting needs
        Prober(),
        {Service.OBJECT_STORE: unanswered},
        lambda _: None,
        time.monotonic() + 60,
        {},
        {},
    )
    with pytest.raises(StartupFailed, match=r"The object store doesn't answer\.\n(.|\n)*Starting\n.*split brain\n"):
        await starter.run()


def test_what_is_waited_for_long_is_asked_seldom() -> None:
    assert [pause_s(waited) for waited in (0, 2, 10, 20, 600)] == [0.2, 0.2, 0.5, 1.0, 1.0]


async def test_restarting_one_service_touches_no_other(tmp_path: Path) -> None:
    life = Life(alertmanager=ProcessFact("stopped"))
    with pytest.raises(StartupFailed, match="wasn't healthy in time"):  # nobody listens here
        await restart(config(tmp_path), life, Service.MLFLOW, {}, lambda _: None, 0.0)  # type: ignore[arg-type]  # see Life
    assert {word.split()[-1] for word in life.did} == {"mlflow", "release"}
    assert life.did[:3] == ["prepare mlflow", "stop mlflow", "start mlflow"]


async def test_a_service_whose_needs_are_down_is_not_stopped_for_nothing(tmp_path: Path) -> None:
    life = Life(postgres=ProcessFact("stopped"))
    with pytest.raises(LabError, match=r"MLflow needs postgres, which doesn't run") as caught:
        await restart(config(tmp_path), life, Service.MLFLOW, {}, lambda _: None, 9.0)  # type: ignore[arg-type]  # see Life
    assert life.did == []
    assert "invoke up" in caught.value.remedy


async def test_no_service_of_a_lab_that_is_down_is_restarted(tmp_path: Path) -> None:
    life = Life(**{name.replace("-", "_"): ProcessFact("stopped") for name in Service})
    with pytest.raises(LabError, match=r"The lab is down\."):
        await restart(config(tmp_path), life, Service.POSTGRES, {}, lambda _: None, 9.0)  # type: ignore[arg-type]  # see Life
    life = Life(grafana=ProcessFact("absent", reason="not on PATH"))
    with pytest.raises(LabError, match="Grafana isn't installed: not on PATH"):
        await restart(config(tmp_path), life, Service.GRAFANA, {}, lambda _: None, 9.0)  # type: ignore[arg-type]  # see Life


async def test_an_up_that_fails_leaves_no_lab_half_down(tmp_path: Path) -> None:
    life = Life()
    life.differ, life.prepare_fails = {Service.PROMETHEUS: ["file prometheus.yml"]}, True
    told: list[Progress] = []
    with pytest.raises(LabError, match="disk is full"):
        await up(config(tmp_path), life, {}, told.append)  # type: ignore[arg-type]  # see Life
    assert life.did == ["prepare ", "start prometheus", "release"]
    assert told[0].detail == "prometheus restarts, changed: file prometheus.yml"
