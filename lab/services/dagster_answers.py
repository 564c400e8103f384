"""Reading what Dagster's GraphQL answers. An unknown shape raises what `json_reading.understanding` maps."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.base.errors import NotFound, without_message
from lab.base.model_id import step_of
from lab.base.runs import (
    ENVIRONMENT_TAG,
    INGEST,
    MODEL_TAG,
    OWNER_TAG,
    ROLE_TAG,
    TRIGGER_TAG,
    Run,
    RunDetail,
    RunStatus,
    ScheduleState,
    Step,
)
from lab.services.heartbeats import DaemonError, current, met_at
from lab.services.json_reading import Said, items, mapping, number, number_or_none, text, text_or

_CLASS = re.compile(r"\A(?:[\w]+\.)+\w+: ")
_OF_A_MODEL = re.compile(r'File "[^"\n]*/pipelines/([a-z0-9_]+/[^"/\n]+\.py)", line (\d+)')
_WRAPPERS = {
    "DagsterExecutionStepExecutionError",
    "DagsterExecutionHandleOutputError",
    "DagsterExecutionLoadInputError",
}


@dataclass(frozen=True)
class DaemonStatus:
    """A daemon that the instance needs; `last_heartbeat` is epoch seconds, None before the first one."""

    type: str
    last_heartbeat: float | None
    errors: tuple[DaemonError, ...] = ()

    def current_errors(self, since: float = 0.0) -> list[str]:
        """What it still meets; nothing from before `since`, epoch seconds."""
        return current(self.errors, self.last_heartbeat, since)


@dataclass(frozen=True)
class CheckResult:
    """What one asset check found; `severity` is `ERROR` or `WARN`."""

    name: str
    asset: str
    passed: bool
    severity: str
    description: str


@dataclass(frozen=True)
class RunEvent:
    """One event of a run: `at` is epoch seconds, `error` the reason that a failure carries."""

    kind: str
    step: str
    at: float
    level: str
    message: str
    error: str = ""
    check: CheckResult | None = None


def errors(answer: object) -> str:
    """The messages of GraphQL's own error list; empty without any."""
    found = mapping(answer).get("errors") or []
    return "; ".join(text(mapping(item)["message"]) for item in items(found))


def error_in(body: bytes) -> str:
    """As `errors`, out of the body of an answer that was no success; empty when it holds none."""
    try:
        return errors(json.loads(body))
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""


def location_loading(data: Mapping[str, Any]) -> bool:
    """Whether the code location is being loaded just now."""
    entry = data["workspaceLocationEntryOrError"]
    return entry is not None and entry.get("loadStatus") == "LOADING"


def location_problem(data: Mapping[str, Any], name: str) -> str:
    """Why the code location isn't usable; empty when it is."""
    entry = data["workspaceLocationEntryOrError"]
    if entry is None:
        return f"has no code location {name!r} in its workspace."
    if entry["__typename"] == "PythonError":
        return f"can't read its workspace: {brief(entry['message'])}."
    if entry["loadStatus"] != "LOADED":
        return f"is still loading the code location {name!r}."
    location = mapping(entry["locationOrLoadError"])
    if location["__typename"] != "RepositoryLocation":
        causes = [brief(text(mapping(cause)["message"])) for cause in items(location.get("causes") or [])]
        # The error itself only says that loading failed; the last cause is the line to mend.
        return f"can't load the code location {name!r}: {causes[-1] if causes else brief(text(location['message']))}."
    return "" if items(location["repositories"]) else f"finds nothing defined in the code location {name!r}."


def daemons(data: Mapping[str, Any]) -> tuple[DaemonStatus, ...]:
    """The required daemons."""
    found = items(mapping(data["instance"])["daemonHealth"]["allDaemonStatuses"])
    return tuple(
        DaemonStatus(
            text(item["daemonType"]),
            number_or_none(item["lastHeartbeatTime"]),
            tuple(daemon_error(text(mapping(error)["message"])) for error in items(item["lastHeartbeatErrors"])),
        )
        for item in map(mapping, found)
        if item["required"]
    )


def daemon_error(message: str) -> DaemonError:
    return DaemonError(brief(message), met_at(message))


def schedule(data: Mapping[str, Any]) -> ScheduleState | None:
    """The schedule; None when the code location doesn't define it or isn't loaded."""
    found = mapping(data["scheduleOrError"])
    if found["__typename"] != "Schedule":
        return None
    state = mapping(found["scheduleState"])
    tick = state["nextTick"]
    next_tick = None if tick is None else number(mapping(tick)["timestamp"])
    return ScheduleState(text(found["name"]), text(state["status"]), text(found["cronSchedule"]), next_tick)


def last_tick(data: Mapping[str, Any]) -> float:
    """The time of the schedule's newest tick; 0 where there is none."""
    found = mapping(data["scheduleOrError"])
    ticks = items(mapping(found["scheduleState"])["ticks"]) if found["__typename"] == "Schedule" else []
    return max((number(mapping(tick)["timestamp"]) for tick in ticks), default=0.0)


def runs(data: Mapping[str, Any], field: str = "runsOrError") -> tuple[Run, ...]:
    """Runs in the order they came."""
    return tuple(run(item) for item in _listed(data[field]))


def run_ids(data: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids of runs in the order they came."""
    return tuple(text(mapping(item)["runId"]) for item in _listed(data["runsOrError"]))


def _listed(answered: object) -> list[Any]:
    found = mapping(answered)
    if found["__typename"] != "Runs":
        raise Said(brief(text(found["message"])))
    return items(found["results"])


def launched_on(data: Mapping[str, Any]) -> tuple[str, str | None]:
    """The job of a run, and the path of the data that it was given; None where it took DATA_PATH. Raises NotFound."""
    found = _found(data["runOrError"], "Run")
    config = mapping(found["runConfig"] or {})
    ops = mapping(config.get("ops") or {})
    step = mapping(next((ops[name] for name in ops if step_of(text(name)) == INGEST), None) or {})
    return text(found["jobName"]), mapping(step.get("config") or {}).get("data_path")


def run_or_error(data: Mapping[str, Any]) -> Run:
    """One run. Raises NotFound."""
    return run(_found(data["runOrError"], "Run"))


def run_status(data: Mapping[str, Any]) -> RunStatus:
    """The state of one run; one that this lab doesn't know is a ValueError. Raises NotFound."""
    return RunStatus(text(_found(data["runOrError"], "Run")["status"]))


def run_detail(data: Mapping[str, Any]) -> RunDetail:
    """One run with what it was started with. Raises NotFound."""
    item = _found(data["runOrError"], "Run")
    tags = {text(tag["key"]): text(tag["value"]) for tag in map(mapping, items(item["tags"]))}
    return RunDetail(run(item), text_or(item["runConfigYaml"]), tags, text_or(item["parentRunId"]))


def run(raw: object) -> Run:
    """A run; a state that this lab doesn't know is a ValueError."""
    item = mapping(raw)
    tags = {text(tag["key"]): text(tag["value"]) for tag in map(mapping, items(item["tags"]))}
    steps = [step(entry) for entry in items(item.get("stepStats") or [])]
    return Run(
        run_id=text(item["runId"]),
        job=text(item["jobName"]),
        status=RunStatus(item["status"]),
        created_at=number_or_none(item["creationTime"]),
        started_at=number_or_none(item["startTime"]),
        ended_at=number_or_none(item["endTime"]),
        owner=tags.get(OWNER_TAG, ""),
        role=tags.get(ROLE_TAG, ""),
        environment=tags.get(ENVIRONMENT_TAG, ""),
        model=tags.get(MODEL_TAG, ""),
        trigger=tags.get(TRIGGER_TAG) or ("schedule" if "dagster/schedule_name" in tags else ""),
        # A step that was skipped has no start.
        steps=tuple(sorted(steps, key=lambda s: float("inf") if s.started_at is None else s.started_at)),
    )


def step(raw: object) -> Step:
    item = mapping(raw)
    started, ended = number_or_none(item["startTime"]), number_or_none(item["endTime"])
    return Step(step_of(text(item["stepKey"])), text_or(item["status"]), started, ended)


def events(data: Mapping[str, Any]) -> tuple[tuple[RunEvent, ...], str, bool]:
    """Events, the cursor after them, and whether there are more. Raises NotFound."""
    page = _found(data["logsForRun"], "EventConnection")
    return tuple(event(item) for item in items(page["events"])), text(page["cursor"]), bool(page["hasMore"])


def event(raw: object) -> RunEvent:
    item = mapping(raw)
    evaluation = item.get("evaluation")
    return RunEvent(
        kind=text_or(item.get("eventType")) or text(item["__typename"]),
        step=step_of(text_or(item["stepKey"])),
        at=number(item["timestamp"]) / 1000,
        level=text(item["level"]),
        message=text_or(item["message"]),
        error=_error_of(item),
        check=None if evaluation is None else check(evaluation),
    )


def check(raw: object) -> CheckResult:
    item = mapping(raw)
    asset = "/".join(text(part) for part in items(mapping(item["assetKey"])["path"]))
    name, passed, severity = text(item["checkName"]), bool(item["success"]), text(item["severity"])
    return CheckResult(name, asset, passed, severity, text_or(item["description"]))


def failure_reason(found: Iterable[RunEvent]) -> str:
    """The reason closest to the data: failed checks, then the failed step, then whatever stopped the run."""
    listed = tuple(found)
    failed = [
        event.check for event in listed if event.check and not event.check.passed and event.check.severity == "ERROR"
    ]
    if failed:
        return "\n".join(f"check {one.name} on {one.asset}: {one.description or 'failed'}" for one in failed)
    for kinds in ({"STEP_FAILURE"}, {"RUN_FAILURE", "PIPELINE_FAILURE"}, {"ENGINE_EVENT"}):
        for event in listed:
            if event.kind in kinds and event.error:
                return f"{event.step}: {event.error}" if event.step else event.error
    stopped = [event.message for event in listed if event.kind in {"RUN_FAILURE", "PIPELINE_FAILURE", "STEP_FAILURE"}]
    return brief(stopped[0]) if stopped else ""


def launched(data: Mapping[str, Any]) -> tuple[str, str]:
    """The run id of a launch, or why there is none."""
    answer = mapping(data["launchRun"])
    if answer["__typename"] == "LaunchRunSuccess":
        return text(mapping(answer["run"])["runId"]), ""
    if "errors" in answer:
        return "", "; ".join(brief(text(mapping(item)["message"])) for item in items(answer["errors"]))
    return "", brief(text_or(answer.get("message"))) or text(answer["__typename"])


def job_unknown(data: Mapping[str, Any]) -> bool:
    """Whether a launch failed because the code location has no such job."""
    return text(mapping(data["launchRun"])["__typename"]) == "PipelineNotFoundError"


def termination_problem(data: Mapping[str, Any]) -> str:
    """Why a run wasn't stopped; empty when it was. Raises NotFound."""
    answer = mapping(data["terminateRun"])
    if answer["__typename"] == "TerminateRunSuccess":
        return ""
    if answer["__typename"] == "RunNotFoundError":
        raise _no_such_run(answer)
    return brief(text_or(answer.get("message"))) or text(answer["__typename"])


def brief(message: str) -> str:
    """The first line of a Python error, without full stop and a class that only its module's name explains."""
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    return _CLASS.sub("", lines[0]).rstrip(".") if lines else ""


def _error_of(item: Mapping[str, Any]) -> str:
    """`Failure`'s own description if there is one, else the innermost cause of the error."""
    described = text_or(mapping(item.get("failureMetadata") or {}).get("description"))
    if described:
        return described
    error = item.get("error")
    if error is None:
        return ""
    chain = [mapping(error), *map(mapping, items(mapping(error).get("causes") or []))]
    telling = [link for link in chain if link.get("className") not in _WRAPPERS] or chain
    said, kind = text(telling[0]["message"]).strip(), text_or(telling[0].get("className"))
    # Whoever raises an error without a word leaves Dagster only its kind.
    said = without_message(kind) if kind and said.rstrip(": ").rpartition(".")[2] == kind else said
    first, end, rest = said.partition("\n")
    return f"{first}{_place(telling[0].get('stack'))}{end}{rest}"


def _place(stack: object) -> str:
    """Where in a model's own code it happened, which is what a person can mend; empty where that took no part."""
    frames = [found for frame in items(stack or []) if (found := _OF_A_MODEL.search(text(frame)))]
    return f" ({frames[-1][1]}, line {frames[-1][2]})" if frames else ""


def _no_such_run(answer: Mapping[str, Any]) -> NotFound:
    return NotFound(f"{brief(text(answer['message']))}.", "Type `mlops-lab --once` for the newest runs.")


def _found(value: object, expected: str) -> Mapping[str, Any]:
    answer = mapping(value)
    if answer["__typename"] == "RunNotFoundError":
        raise _no_such_run(answer)
    if answer["__typename"] != expected:
        raise Said(brief(text_or(answer.get("message"))) or text(answer["__typename"]))
    return answer
