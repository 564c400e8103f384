"""Memory of process trees."""

import os
import subprocess
import sys

from lab.runtime.native.process_memory import MemoryMeter


def test_a_process_counts_its_children() -> None:
    child = subprocess.Popen([sys.executable, "-c", "x = bytearray(64 << 20); input()"], stdin=subprocess.PIPE)
    try:
        alone = MemoryMeter().of([os.getpid()])[os.getpid()]
        with_child = _settled(child)
    finally:
        child.communicate(b"\n")
    assert alone is not None
    assert with_child > 64 << 20


def _settled(child: "subprocess.Popen[bytes]") -> int:
    """The child's memory once it has filled its buffer."""
    while True:
        assert child.poll() is None
        used = MemoryMeter().of([child.pid])[child.pid] or 0
        if used > 64 << 20:
            mine = MemoryMeter().of([os.getpid()])[os.getpid()] or 0
            assert mine > used
            return used


def test_an_ended_process_has_none() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert MemoryMeter().of([child.pid]) == {child.pid: None}


def test_memory_is_read_again_only_after_its_time() -> None:
    # Not this process: others come and go that share its libraries with it.
    code = "input(); x = bytearray(32 << 20); print('grown', flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes, text=True) as child:
        assert child.stdin
        assert child.stdout
        now = [0.0]
        meter = MemoryMeter(keep_s=10, clock=lambda: now[0])
        first = meter.of([child.pid])
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.readline() == "grown\n"
        assert meter.of([child.pid]) == first
        now[0] = 11
        assert (meter.of([child.pid])[child.pid] or 0) > (first[child.pid] or 0) + (16 << 20)
