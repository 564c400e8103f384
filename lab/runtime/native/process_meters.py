"""Memory and processor time of a lab's services, beside what is known of them otherwise."""

from collections.abc import Mapping
from dataclasses import replace

from lab.base.catalogue import ProcessFact, Service
from lab.runtime.native.process_cpu import CpuMeter
from lab.runtime.native.process_memory import MemoryMeter


class Meters:
    """Both meters, which read seldom."""

    def __init__(self) -> None:
        self._memory, self._cpu = MemoryMeter(), CpuMeter()

    def measured(self, facts: Mapping[Service, ProcessFact]) -> Mapping[Service, ProcessFact]:
        """The facts with memory and processor time of each process tree."""
        pids = {service: fact.pid for service, fact in facts.items() if fact.pid}
        memory, cpu = self._memory.of(pids.values()), self._cpu.of(pids.values())
        used = {
            service: replace(
                facts[service],
                memory_bytes=memory[pid],
                cpu=cpu[pid],
                cpu_s=self._cpu.seconds.get(pid),
                measured_at=self._cpu.measured_at,
            )
            for service, pid in pids.items()
        }
        return {**facts, **used}
