"""Processor time of process trees."""

import os

from lab.runtime.native.process_cpu import CpuMeter, Used, every_process


class Played:
    """Processes as a test says, and how often somebody looked."""

    def __init__(self) -> None:
        self.now, self.looks = 0.0, 0
        self.processes = {1: Used(0, 5.0), 10: Used(1, 100.0), 11: Used(10, 3.0), 20: Used(1, 7.0)}

    def look(self) -> dict[int, Used]:
        self.looks += 1
        return dict(self.processes)

    def meter(self) -> CpuMeter:
        return CpuMeter(keep_s=10, clock=lambda: self.now, processes=self.look)


def test_a_tree_counts_its_children_and_those_that_have_ended() -> None:
    played = Played()
    meter = played.meter()
    assert meter.of([10, 20]) == {10: None, 20: None}
    # The child's 3 s and 2 s more are its parent's now; another child has begun.
    played.processes |= {10: Used(1, 106.0), 12: Used(10, 1.0)}
    del played.processes[11]
    played.now = 4.0
    assert meter.of([10, 20]) == {10: 1.0, 20: 0.0}
    assert meter.measured_at


def test_all_services_cost_one_look_in_ten_seconds() -> None:
    played = Played()
    meter = played.meter()
    meter.of([10, 20])
    played.now = 2.0
    meter.of([10, 20])
    for played.now in (3.0, 5.0, 11.9):
        meter.of([10, 20])
    assert played.looks == 2
    played.now = 12.1
    meter.of([10, 20])
    assert played.looks == 3


def test_a_process_that_began_anew_is_looked_at_soon_and_one_that_is_gone_uses_nothing() -> None:
    played = Played()
    meter = played.meter()
    meter.of([10])
    played.now = 2.0
    assert meter.of([10]) == {10: 0.0}
    played.processes[30] = Used(1, 0.5)
    played.now = 4.0
    assert meter.of([30]) == {30: None}
    played.processes[30] = Used(1, 1.5)
    played.now = 6.0
    assert meter.of([30, 99]) == {30: 0.5, 99: None}


def test_a_child_that_left_its_tree_makes_no_negative_time() -> None:
    played = Played()
    meter = played.meter()
    meter.of([10])
    played.processes[11] = Used(1, 3.0)
    played.now = 2.0
    assert meter.of([10]) == {10: 0.0}


def test_this_process_is_among_those_of_the_machine_with_its_parent_and_time() -> None:
    mine = every_process()[os.getpid()]
    assert mine.parent == os.getppid()
    own = os.times()
    assert 0.0 < mine.seconds <= own.user + own.system + own.children_user + own.children_system + 0.1
