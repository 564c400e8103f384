"""The capacity simulation against what is known exactly, and its document against the simulation."""

import json
import math
import random
import statistics
import subprocess
import sys
from collections import Counter

import pytest

from benchmarks import capacity, capacity_days, capacity_inputs
from benchmarks.capacity_model import (
    DAY_S,
    FLAT,
    HOUR_S,
    Arrivals,
    Draw,
    Outcome,
    Platform,
    Simulation,
    Work,
    erlang_c,
    mean_wait_s,
    percentile,
    slots_for,
)
from benchmarks.capacity_scaling import MINUTE_S, Policy, by_cpu, by_queue


def fixed(seconds: float) -> Draw:
    return lambda _: seconds


def outcome(platform: Platform, arrivals: list[float], before: float, training: float, after: float) -> Outcome:
    work = Work(fixed(before), fixed(training), fixed(after))
    return Simulation(iter(arrivals), work, platform, 1000.0, seed=1).run()


@pytest.mark.parametrize(
    ("servers", "offered", "chance"), [(1, 0.5, 0.5), (2, 1.0, 1 / 3), (3, 2.0, 4 / 9), (5, 0.0, 0.0)]
)
def test_erlangs_formula_has_the_values_of_the_textbooks(servers: int, offered: float, chance: float) -> None:
    assert erlang_c(servers, offered) == pytest.approx(chance)


def test_erlangs_formula_refuses_a_queue_without_an_end_and_bears_many_servers() -> None:
    with pytest.raises(ValueError, match="don't fit"):
        erlang_c(3, 3.0)
    assert 0 < erlang_c(2000, 1900.0) < 1


def test_as_few_slots_are_found_as_keep_the_wait() -> None:
    slots = slots_for(3.2, 60.0, 10.0)
    assert mean_wait_s(slots, 3.2, 60.0) <= 10.0 < mean_wait_s(slots - 1, 3.2, 60.0)


def replications(servers: int, offered: float, mean_s: float) -> list[float]:
    """Mean waits of courses with seeds of their own: Poisson arrivals, exponential service, no delays."""
    found, per_day = [], offered / mean_s * DAY_S
    work = Work(lambda draw: draw.expovariate(1 / mean_s), fixed(0.0), fixed(0.0))
    for seed in range(20):
        times = Arrivals(per_day).times(random.Random(1000 + seed), DAY_S)
        found.append(statistics.fmean(Simulation(times, work, Platform(servers), DAY_S, seed).run().waited))
    return found


@pytest.mark.parametrize(("servers", "offered"), [(1, 0.6), (4, 3.0)])
def test_waiting_is_that_of_m_m_c(servers: int, offered: float) -> None:
    means = replications(servers, offered, 60.0)
    # Student's t for 99.9 % and 19 degrees of freedom.
    margin = 3.883 * statistics.stdev(means) / math.sqrt(len(means))
    middle, known = statistics.fmean(means), mean_wait_s(servers, offered, 60.0)
    assert abs(middle - known) < margin
    assert margin < known / 4, "an interval as wide as this shows nothing"


def test_a_day_that_can_be_told_by_hand() -> None:
    found = outcome(Platform(slots=1), [0.0, 10.0, 20.0], 5.0, 10.0, 5.0)
    assert found.waited == [0.0, 10.0, 20.0]
    assert found.lasted == [20.0, 30.0, 40.0]
    assert (found.arrived, found.finished, found.failed) == (3, 3, 0)
    assert found.slot_seconds == 60.0
    assert found.utilisation(1) == 0.06


def test_trainings_wait_for_a_job_while_their_runs_hold_slots() -> None:
    platform = Platform(slots=2, jobs=1, run_start_s=1.0, job_start_s=2.0)
    found = outcome(platform, [0.0, 0.0, 0.0], 3.0, 10.0, 4.0)
    # Run 1: job at 4, trained at 16, ends at 20. Run 2: job at 16, trained at 28, ends at 32. Run 3 begins at 20.
    assert found.waited == [0.0, 0.0, 20.0]
    assert found.job_waited == [0.0, 12.0, 4.0]
    assert found.lasted == [20.0, 32.0, 44.0]
    assert found.job_seconds == 36.0
    assert found.task_seconds == 20.0 + 32.0 + 24.0


def test_a_slots_time_beyond_the_window_is_not_the_windows() -> None:
    found = outcome(Platform(slots=1), [990.0, 995.0], 20.0, 0.0, 0.0)
    assert found.slot_seconds == 10.0
    assert found.finished == 2


def test_a_training_that_is_always_taken_back_fails_after_its_attempts() -> None:
    found = outcome(Platform(1, 1, taken_per_hour=HOUR_S * 1e6, attempts=3), [0.0], 1.0, 50.0, 7.0)
    assert (found.failed, found.finished, found.taken_back) == (1, 0, 3)
    assert found.task_seconds == pytest.approx(1.0, abs=0.1)


def test_a_training_that_is_taken_back_now_and_then_begins_anew_and_is_paid_twice() -> None:
    platform = Platform(50, 50, taken_per_hour=36.0, attempts=10)
    found = outcome(platform, [float(second) for second in range(500)], 0.0, 50.0, 0.0)
    # Taken back within 50 s with 1 - exp(-0.5); each attempt that isn't the last one adds one.
    assert found.taken_back / found.finished == pytest.approx(math.exp(0.5) - 1, rel=0.2)
    assert found.job_seconds > found.finished * 50.0


def test_arrivals_follow_their_profile_and_their_seed() -> None:
    profile = (0.0,) * 8 + (1.0,) * 8 + (3.0,) * 8
    times = list(Arrivals(2400, profile).times(random.Random(7), 20 * DAY_S))
    assert times == list(Arrivals(2400, profile).times(random.Random(7), 20 * DAY_S))
    by_third = Counter(int(at % DAY_S // (8 * HOUR_S)) for at in times)
    assert by_third[0] == 0
    assert by_third[2] / by_third[1] == pytest.approx(3.0, rel=0.05)
    assert len(times) == pytest.approx(48_000, rel=0.02)


@pytest.mark.parametrize("per_day", [0.0, 1e-9])
def test_a_day_without_runs_has_no_figures_and_no_error(per_day: float) -> None:
    times = Arrivals(per_day, FLAT).times(random.Random(1), DAY_S)
    found = Simulation(times, Work(fixed(1.0), fixed(1.0), fixed(1.0)), Platform(1), DAY_S, 1).run(MINUTE_S)
    assert (found.arrived, found.utilisation(1), percentile(found.waited, 0.95)) == (0, 0.0, 0.0)


def test_percentiles_are_values_that_occurred() -> None:
    assert [percentile([3.0, 1.0, 2.0], share) for share in (0.0, 0.5, 0.95, 1.0)] == [1.0, 2.0, 3.0, 3.0]


POLICY = Policy(low=1, high=3, target=60.0, out_cooldown_s=60.0, in_cooldown_s=300.0)


def test_a_service_grows_three_minutes_after_its_load_did_and_a_start_later() -> None:
    minutes = by_cpu([30.0] * 5 + [60.0] * 30, POLICY, vcpu=1.0, start_s=60.0)
    grown = next(number for number, minute in enumerate(minutes) if minute.tasks == 2)
    # The load rises in minute 5; the third minute above the target is 7; the task carries load a minute later.
    assert grown == 8
    assert (minutes[7].metric, minutes[8].metric) == (100.0, 50.0)
    assert max(minute.tasks for minute in minutes) == 2


def test_tasks_that_start_slower_than_the_cooldown_are_asked_for_twice() -> None:
    minutes = by_cpu([30.0] * 5 + [60.0] * 10, POLICY, vcpu=1.0, start_s=120.0)
    assert max(minute.tasks for minute in minutes) == 3


def test_a_service_never_has_more_or_fewer_tasks_than_it_may() -> None:
    assert max(minute.tasks for minute in by_cpu([6000.0] * 60, POLICY, 1.0, 60.0)) == POLICY.high
    assert {minute.tasks for minute in by_cpu([0.0] * 60, POLICY, 1.0, 60.0)} == {POLICY.low}


def test_a_service_shrinks_after_fifteen_quiet_minutes() -> None:
    minutes = by_cpu([120.0] * 30 + [6.0] * 40, POLICY, vcpu=1.0, start_s=60.0)
    assert minutes[30].tasks == 3
    shrunk = next(number for number, minute in enumerate(minutes) if number > 30 and minute.tasks < 3)
    assert shrunk == 45


def test_a_queue_that_tasks_do_not_shorten_takes_a_service_to_its_most() -> None:
    minutes = by_queue([20.0] * 30, Policy(1, 6, 10.0, 60.0, 300.0), start_s=60.0)
    assert minutes[-1].tasks == 6


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_every_limit_and_policy_is_terraforms(name: str) -> None:
    found = capacity_inputs.environment(name)
    assert set(found.scaling) <= set(capacity_inputs.services())
    text = (capacity_inputs.ROOT / "terraform" / "modules" / "autoscaling" / "main.tf").read_text()
    for service in found.scaling:
        policy = capacity_inputs.policy(found, service)
        assert 1 <= policy.low <= policy.high
        assert f"scale_out_cooldown = {policy.out_cooldown_s:g}" in text
        assert f"scale_in_cooldown  = {policy.in_cooldown_s:g}" in text
    assert capacity_days.job_limit(found) >= 1


def test_a_months_bill_can_be_told_by_hand() -> None:
    """Ten runs that took an hour each, half of it in their training, stand for a thousand a day."""
    prod, price = capacity_inputs.environment("prod"), capacity_inputs.price
    ten = Outcome(DAY_S, arrived=10, task_seconds=10 * HOUR_S, job_seconds=5 * HOUR_S, seen=[(0.0, 0, 0)])
    found = capacity_days.monthly_costs(prod, capacity_days.Day(1000, 25, 128, ten, 0.0))
    hours, runs = 730, 1000 * 365 / 12
    run, job = capacity_inputs.run_size(), capacity_inputs.job_size()
    vcpu, gb, spot = price("fargate_vcpu_hour"), price("fargate_gb_hour"), price("fargate_spot_vcpu_hour")
    assert found["runs' tasks"] == pytest.approx(runs * (run.vcpu * vcpu + run.gb * gb))
    assert found["training jobs"] == pytest.approx(runs / 2 * spot / vcpu * (job.vcpu * vcpu + job.gb * gb))
    # Three gateways, four endpoints in each of three zones, two databases of one unit.
    network = hours * (3 * price("nat_hour") + 12 * price("endpoint_hour")) + price("alb_month")
    assert found["network"] == pytest.approx(network)
    assert found["database"] == pytest.approx(hours * 2 * prod.acu_min * price("aurora_acu_hour"))
    # Two tasks each of mlflow, of dagster-code and of dagster; the daemon; four of the smallest.
    least = 2 * (vcpu + 2 * gb) + 5 * (vcpu / 2 + 2 * gb) + 4 * (vcpu / 4 + gb / 2)
    assert found["services"] == pytest.approx(hours * least)


def test_every_price_has_a_date_and_a_source_and_every_assumption_a_reason() -> None:
    for one in capacity_inputs.prices()["prices"].values():
        assert one["usd"] > 0
        assert one["as_of"]
        assert one["source"].startswith("https://")
    assert all(one["why"] for one in capacity_inputs.assumptions().values())


def test_the_sample_is_of_whole_runs() -> None:
    found = capacity_inputs.sample()
    assert len(found.runs) >= 10
    assert all(run["run"] >= run["train_model"] + run["register_with_governance"] for run in found.runs)
    assert {"postgres", "mlflow", "dagster", "dagster-daemon"} <= set(found.cpu)


@pytest.mark.timeout(300)
def test_the_document_is_what_the_simulation_says() -> None:
    text = capacity.DOCUMENT.read_text()
    assert capacity.document(text) == text, "type `.venv/bin/python benchmarks/capacity.py --write`"


def test_any_other_day_is_told_as_json() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/capacity.py", "--runs", "50", "--slots", "1", "--jobs", "1"],
        cwd=capacity_inputs.ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = json.loads(done.stdout)
    assert 20 < found["runs"] < 90
    assert found["run_waits_s"]["95_of_100"] >= found["run_waits_s"]["median"]


@pytest.mark.parametrize("wrong", ["0", "-3"])
def test_a_day_of_no_slots_is_refused(wrong: str) -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/capacity.py", "--runs", "5", "--slots", wrong],
        cwd=capacity_inputs.ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 2
    assert "1 or more" in done.stderr
