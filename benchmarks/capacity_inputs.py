"""Where the simulation's values come from: measured runs, Terraform's and Dagster's files, prices, assumptions.

Nothing of it is repeated here, so that configuration and calculation can't drift apart.
"""

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import hcl2
import yaml

from benchmarks.capacity_model import Draw, Work
from benchmarks.capacity_scaling import Policy

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "benchmarks" / "data"
_LAB = ROOT / "terraform" / "modules" / "lab" / "services.tf"
_RUN = re.compile(r'"run-\$\{role\}" => \{.*?cpu\s*=\s*(\d+)\s+memory\s*=\s*(\d+)', re.DOTALL)
_APPENDS = re.compile(r"\| audit entries appended per second, one writer \| ([\d.]+) /s")
_UNITS, _MIB = 1024, 1024


@dataclass(frozen=True)
class Size:
    """What a task of Fargate gets: vCPU, and GB of memory."""

    vcpu: float
    gb: float


@dataclass(frozen=True)
class Environment:
    """What one of terraform/envs says; `scaling` by service, `training_vcpu` at most in Batch's Fargate."""

    name: str
    spot: bool
    zones: int
    nats: int
    acu_min: float
    acu_max: float
    databases: int
    scaling: Mapping[str, Mapping[str, float]]
    training_vcpu: int


@dataclass(frozen=True)
class Sample:
    """Runs of a real lab: seconds by step of each, CPU seconds by service and bytes of artifacts of one.

    `note` says what was particular about the measurement.
    """

    machine: str
    note: str
    runs: Sequence[Mapping[str, float]]
    cpu: Mapping[str, float]
    artifact_bytes: int

    def work(self, longer: float = 1.0) -> Work:
        """Draws whole runs, so that steps that were slow together stay together; `longer` stretches the training."""

        def of(seconds: Sequence[float]) -> Draw:
            return lambda random_: random_.choice(seconds)

        def before(run: Mapping[str, float]) -> float:
            return max(0.0, run["run"] - run["train_model"] - run["register_with_governance"])

        return Work(
            of([before(run) for run in self.runs]),
            of([run["train_model"] * longer for run in self.runs]),
            of([run["register_with_governance"] for run in self.runs]),
        )

    def mean(self, name: str) -> float:
        """Mean seconds of a step, or of the `run`."""
        return sum(run[name] for run in self.runs) / len(self.runs)


def sample() -> Sample:
    """What benchmarks/capacity_sample.py measured."""
    raw = _json("runs")
    return Sample(
        raw["machine"], raw.get("note", ""), raw["runs"], raw["cpu_seconds_per_run"], raw["artifact_bytes_per_run"]
    )


def price(name: str) -> float:
    """US dollars."""
    return float(_json("prices")["prices"][name]["usd"])


def prices() -> Mapping[str, Any]:
    """The file of prices, with their sources."""
    return _json("prices")


def assumed(name: str) -> Any:
    """What could be neither measured nor read anywhere."""
    return _json("assumptions")[name]["value"]


def assumptions() -> Mapping[str, Mapping[str, Any]]:
    """Every assumption, with its reason."""
    return _json("assumptions")


def slots() -> int:
    """How many runs Dagster lets run at once."""
    raw = yaml.safe_load((ROOT / "stack" / "dagster" / "aws.yaml").read_text())
    return int(raw["run_coordinator"]["config"]["max_concurrent_runs"])


def environment(name: str) -> Environment:
    """The values of an environment's root."""
    found = _hcl(ROOT / "terraform" / "envs" / name / "main.tf")["module"]
    lab = next(one["lab"] for one in found if "lab" in one)
    network, database = lab["network"], lab["database"]
    return Environment(
        name,
        lab["spot"],
        network["zone_count"],
        network["zone_count"] if network["nat_per_zone"] else 1,
        database["capacity"]["min"],
        database["capacity"]["max"],
        database["instance_count"],
        lab["scaling"],
        lab["training"]["limits"]["fargate"],
    )


def services() -> Mapping[str, Size]:
    """The services that run all the time."""
    found = _hcl(_LAB)["locals"][0]["services"]
    return {name: _size(one["cpu"] / _UNITS, one["memory"]) for name, one in found.items()}


def run_size() -> Size:
    """A run's task."""
    found = _RUN.search(_LAB.read_text())
    if not found:
        raise ValueError(f"{_LAB} doesn't say what a run gets")
    return _size(int(found[1]) / _UNITS, int(found[2]))


def job_size() -> Size:
    """A training job on Fargate."""
    size = _default("batch", "sizes")["fargate"]
    return _size(size["vcpu"], size["memory"])


def attempts() -> int:
    """How often a training that spot took back is begun in all."""
    return int(_default("batch", "attempts"))


def endpoints() -> int:
    """Interface endpoints in each zone."""
    return len(_default("network", "interface_endpoints"))


def appends_per_s() -> float:
    """Audit entries per second, as docs/performance.md has measured them on the lab's own store."""
    found = _APPENDS.search((ROOT / "docs" / "performance.md").read_text())
    if not found:
        raise ValueError("docs/performance.md doesn't say how fast entries are appended")
    return float(found[1])


def policy(of: Environment, service: str) -> Policy:
    """How a service follows its metric there."""
    own = of.scaling[service]
    kind = "cpu" if "cpu" in own else "queue"
    found = _hcl(ROOT / "terraform" / "modules" / "autoscaling" / "main.tf")["resource"]
    made = next(
        one["aws_appautoscaling_policy"][kind] for one in found if kind in one.get("aws_appautoscaling_policy", {})
    )
    tracking = made["target_tracking_scaling_policy_configuration"][0]
    cooldowns = float(tracking["scale_out_cooldown"]), float(tracking["scale_in_cooldown"])
    return Policy(int(own["min"]), int(own["max"]), float(own[kind]), *cooldowns)


def choose(seed: int) -> random.Random:
    """A generator of its own for each purpose."""
    return random.Random(seed)


def _size(vcpu: float, mib: float) -> Size:
    return Size(float(vcpu), mib / _MIB)


def _default(module: str, variable: str) -> Any:
    found = _hcl(ROOT / "terraform" / "modules" / module / "variables.tf")["variable"]
    return next(one[variable]["default"] for one in found if variable in one)


@cache
def _json(name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((DATA / f"{name}.json").read_text())
    return found


@cache
def _hcl(path: Path) -> Mapping[str, Any]:
    with path.open() as text:
        return _plain(hcl2.load(text))  # type: ignore[no-any-return]


def _plain(value: Any) -> Any:
    """Without the quotes that this version of the parser leaves around names and texts."""
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value[1:-1] if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"' else value
