"""One of the screen's actions in a process of its own, so that its libraries never weigh on the screen.

`python -m lab.commands.action_process NAME '{"target": "7", …}'` calls the use case that the Invoke task
of that name calls, and prints JSON lines: `{"progress": …}` while it goes on, and one `{"result": …}` at the end.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from lab.base.errors import LabError, UsageError
from lab.commands.signed_actions import Locked, act, signing
from lab.views.jobs import ActionResult

if TYPE_CHECKING:
    from lab.base.progress import Report
    from lab.config import LabConfig
    from lab.operations.demo_run import DemoRun
    from lab.operations.seed import Seeded


ActionProcess = Callable[["LabConfig", Mapping[str, str], "Report"], ActionResult]


def demo_run(config: "LabConfig", _: Mapping[str, str], report: "Report") -> ActionResult:
    from lab.operations.demo_run import DemoRunner

    return _trained(asyncio.run(DemoRunner(config, report).run()))


def relaunch(config: "LabConfig", arguments: Mapping[str, str], report: "Report") -> ActionResult:
    from lab.operations.demo_run import DemoRunner

    return _trained(asyncio.run(DemoRunner(config, report).again(arguments["target"])))


def _trained(result: "DemoRun") -> ActionResult:
    run = f"run {result.run.run_id[:8]}"
    if not result.succeeded:
        unread = f", and couldn't be read: {'; '.join(result.unread)}" if result.unread else ""
        why = result.reason or "; ".join(result.faults) or f"it ended as {result.run.status.lower()}{unread}"
        return ActionResult(False, f"{run}: {why}", "Open the run: its event log says more.", result.faults)
    version = result.version
    number = version.version if version else "?"
    lines = tuple(f"{name} {value:.4f}" for name, value in sorted(version.metrics.items())) if version else ()
    said = f"{run} registered version {number}"
    return ActionResult(True, said, f"Have somebody else approve version {number}.", lines, {"version": number})


def seed(config: "LabConfig", arguments: Mapping[str, str], _: "Report") -> ActionResult:
    from lab.operations.seed import Seeder

    return _seeded(Seeder(config).seed(signing(arguments), arguments.get("reason", "")))


def drift(config: "LabConfig", _: Mapping[str, str], __: "Report") -> ActionResult:
    from lab.operations.seed import Seeder

    return _seeded(Seeder(config).plant_drift())


def reset(config: "LabConfig", _: Mapping[str, str], __: "Report") -> ActionResult:
    from lab.operations.seed import Seeder

    return _seeded(Seeder(config).reset())


def _seeded(result: "Seeded") -> ActionResult:
    data = f"current data {result.current.sha256[:12]}, {result.current.rows:,} rows"
    worst = tuple(f"{one.name}: PSI {one.psi:.3f}, {one.state}" for one in result.report.features[:5])
    if result.report.detected:
        return ActionResult(True, f"{data}: drifted", "Watch the drift panel; “Take the drift back” undoes it.", worst)
    return ActionResult(True, f"{data}: no drift", "Launch a demo run on it.", worst)


def up(config: "LabConfig", _: Mapping[str, str], report: "Report") -> ActionResult:
    from lab import wiring
    from lab.operations import lifecycle

    lifecycle.refuse_unfit_host(config, wiring.binaries(config))
    config = wiring.first_config()[0]
    result = lifecycle.up(config, wiring.runtime(config), report)
    return ActionResult(
        True, "was up already" if result.already else f"up after {result.seconds:.0f} s", "Launch a demo run."
    )


def restart(config: "LabConfig", arguments: Mapping[str, str], report: "Report") -> ActionResult:
    from lab import wiring
    from lab.operations import lifecycle

    lifecycle.refuse_unfit_restart(config, wiring.binaries(), arguments["target"])
    result = lifecycle.restart(config, wiring.runtime(config), arguments["target"], report)
    return ActionResult(True, f"{arguments['target']} is back after {result.seconds:.1f} s")


def verify_governance(config: "LabConfig", _: Mapping[str, str], report: "Report") -> ActionResult:
    from lab.governance.checks import Verifier

    proofs = asyncio.run(Verifier(config, report=report).run())
    failed = [proof for proof in proofs if not proof.passed]
    lines = tuple(f"{'✓' if proof.passed else '✗'} {proof.name}: {proof.evidence}" for proof in (*failed, *proofs))
    said = f"{len(proofs) - len(failed)} of {len(proofs)} guardrails hold"
    return ActionResult(not failed, said, f"Look at: {failed[0].name}." if failed else "", lines[: len(proofs)])


def reconcile(config: "LabConfig", _: Mapping[str, str], __: "Report") -> ActionResult:
    return asyncio.run(_reconcile(config, False))


def repair(config: "LabConfig", _: Mapping[str, str], __: "Report") -> ActionResult:
    return asyncio.run(_reconcile(config, True))


async def _reconcile(config: "LabConfig", mend: bool) -> ActionResult:
    from lab.governance.cases.reconcile import Reconciler

    reconciler = Reconciler.of_lab(config)
    try:
        found = await (reconciler.repair() if mend else reconciler.look())
    finally:
        await reconciler.aclose()
    if not found.findings:
        return ActionResult(True, f"{found.versions} versions: the registry says what the audit trail says")
    lines = tuple(map(str, found.findings))
    if found.left:
        mendable = not mend and any(one.repairable for one in found.left)
        step = "“Reconcile and repair” mends it." if mendable else "A person must find out what happened."
        return ActionResult(False, f"{len(found.left)} differences between registry and audit trail", step, lines)
    seq = f"; audit entry {found.entry.seq}" if found.entry else ""
    return ActionResult(True, f"{len(found.changes)} repairs{seq}", "", found.changes)


def evidence(config: "LabConfig", arguments: Mapping[str, str], _: "Report") -> ActionResult:
    return asyncio.run(_evidence(config, arguments["target"]))


async def _evidence(config: "LabConfig", version: str) -> ActionResult:
    from lab.governance.cases.evidence import Collector

    collector = Collector.of_lab(config)
    try:
        made = await collector.write(version, Path("evidence").absolute())
    finally:
        await collector.aclose()
    said = f"{made.files} files on version {made.version} in {made.folder}"
    return ActionResult(
        made.succeeded, said, "Not to be relied on: see the lines." if made.problems else "", made.problems
    )


def silence(config: "LabConfig", arguments: Mapping[str, str], _: "Report") -> ActionResult:
    from lab.operations.silence import silence as put

    made = asyncio.run(put(config, json.loads(arguments["labels"]), arguments["reason"]))
    until = made.until.astimezone().strftime("%H:%M")
    return ActionResult(
        True, f"{made.labels['alertname']} is silent until {until}", "Alertmanager's page can end it earlier."
    )


PROCESSES: Mapping[str, ActionProcess] = {
    "up": up,
    "demo-run": demo_run,
    "relaunch": relaunch,
    "seed": seed,
    "drift": drift,
    "reset": reset,
    "restart": restart,
    "verify-governance": verify_governance,
    "reconcile": reconcile,
    "repair": repair,
    "evidence": evidence,
    "silence": silence,
    **dict.fromkeys(("approve", "reject", "promote", "archive"), act),
}


def main(argv: list[str]) -> int:
    """Runs one action; whatever happens, the last line says how it ended."""
    # The screen may be gone before the action is: it goes on to its end then, and its lines go nowhere.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        result = _do(argv)
    except LabError as err:
        result = ActionResult(
            False, err.message, err.remedy, data={"lock": err.lock} if isinstance(err, Locked) else {}
        )
    except Exception as err:  # a mistake of ours must reach the screen as a message, too
        result = ActionResult(
            False, f"{type(err).__name__}: {err}", "Type the task on a command line: it shows the traceback."
        )
    _say({"result": asdict(result)})
    return 0 if result.ok else 1


def _do(argv: list[str]) -> ActionResult:
    from lab import wiring
    from lab.base.progress import Progress

    if len(argv) != 2 or argv[0] not in PROCESSES:
        raise UsageError(f"There is no action {argv[:1]}.", f"There are: {', '.join(PROCESSES)}.")

    def report(progress: Progress) -> None:
        _say({"progress": asdict(progress)})

    # Those that start the lab begin where none is up.
    config = wiring.load_config() if argv[0] in {"up", "restart"} else wiring.own_lab()
    return PROCESSES[argv[0]](config, json.loads(argv[1]) | {"action": argv[0]}, report)


def _say(value: object) -> None:
    try:
        os.write(sys.stdout.fileno(), (json.dumps(value, ensure_ascii=False) + "\n").encode(errors="replace"))
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
