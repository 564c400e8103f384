"""Both runtimes side by side: seconds to build, start, run and stop; memory when idle; sizes of the images.

`.venv/bin/python benchmarks/runtimes.py [--repeat N] [--json FILE] [--write]` measures two labs of its own, one after
the other, on the engine that DOCKER_HOST names; images are made without a registry and removed at the end. The cold
build starts from caches of Debian's packages and wheels only. Nothing else should run on the machine meanwhile.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.lab import Bench, Measured, megabytes  # noqa: E402 - run as a file, it must find the packages first
from benchmarks.report import Machine, publish, spread  # noqa: E402
from docs.tables import table  # noqa: E402
from lab.runtime.compose.engine import engine  # noqa: E402

NAME = "benchmark"
_LABEL = f"org.mlops-lab.lab={NAME}"
_ENGINE = ("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")
_TIMES = {
    "cold build": "build, nothing cached",
    "warm build": "build, nothing changed",
    "build again": "build after `invoke nuke`",
    "cold up": "`invoke up`, new lab",
    "warm up": "`invoke up` after `invoke down`",
    "first run": "`invoke demo-run`, the first",
    "later run": "`invoke demo-run`, later ones",
    "down": "`invoke down`",
}


class ContainerBench(Bench):
    """One lab in containers."""

    deadline_s = 1800.0

    def __init__(self, folder: Path) -> None:
        known = {name: os.environ[name] for name in _ENGINE if name in os.environ}
        super().__init__(folder, RUNTIME="compose", OBJECT_STORE="seaweedfs", **known)
        self._engine = engine()

    def build(self, cold: bool) -> None:
        """Both builds; the cold one throws away what earlier ones left."""
        if cold:
            self.timed("cold build", "build", "--airgap", "--fresh")
        else:
            self.invoke("build", "--airgap")
        self.timed("warm build", "build", "--airgap")

    def build_again(self) -> None:
        """With what `nuke` leaves: the packages that were fetched."""
        self.timed("build again", "build", "--airgap")

    def cpu_seconds(self) -> Mapping[str, float]:
        used = {}
        for container in self._engine.containers.list(filters={"label": _LABEL}):
            # Without one_shot the engine takes a second for each.
            stats: Any = container.stats(stream=False, one_shot=True)
            used[str(container.id)] = stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
        return used

    def memory(self) -> int:
        return sum(self.memory_by_service().values())

    def images(self) -> dict[str, int]:
        """Bytes of each image by its short name; layers that several share count in each."""
        found = {tag: image for image in self._engine.images.list() for tag in image.tags if tag.endswith(f":{NAME}")}
        names = {tag.partition("/")[2].partition(":")[0]: int(image.attrs["Size"]) for tag, image in found.items()}
        return {name: size for name, size in names.items() if name not in {"base", "build"}}


@contextmanager
def removed(kind: type[Bench]) -> Iterator[Any]:
    """A lab to measure, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="lab-benchmark-") as folder:
        lab = kind(Path(folder))
        try:
            yield lab
        finally:
            lab.invoke("nuke", "--yes")


def cycles(lab: Bench, repeat: int) -> None:
    """Times from a new lab to the second start, and memory at the end; what `build` made stays in between."""
    for number in range(repeat):
        lab.timed("cold up", "up")
        lab.timed("first run", "demo-run")
        lab.timed("later run", "demo-run")
        lab.timed("down", "down")
        lab.timed("warm up", "up")
        if number < repeat - 1:
            lab.invoke("nuke", "--yes")
            if isinstance(lab, ContainerBench):
                lab.build_again()
    lab.idle()


def render(native: Measured, containers: Measured, images: Mapping[str, int]) -> str:
    """The tables of docs/performance.md."""
    pair = (native, containers)
    times = [
        (text, *(spread(one.seconds[name]) if name in one.seconds else "–" for one in pair))
        for name, text in _TIMES.items()
    ]
    times.append(("CPU at idle, of one core", *(f"{one.cpu_percent:.1f} %" for one in pair)))
    services = sorted(containers.memory, key=lambda name: -containers.memory[name])
    memory: list[tuple[str, ...]] = [
        (f"`{name}`", *(megabytes(one.memory[name]) if name in one.memory else "–" for one in pair))
        for name in services
    ]
    memory.append(("all", *(megabytes(sum(one.memory.values())) for one in pair)))
    memory.append(("all, after one more run", *(megabytes(one.memory_after_run) for one in pair)))
    sizes = [(f"`{name}`", f"{size / 1e6:.0f} MB") for name, size in sorted(images.items(), key=lambda item: -item[1])]
    return "\n\n".join(
        (
            table(("wall time", "native", "containers"), times),
            table(("memory at idle", "native (PSS)", "containers (cgroup, without file cache)"), memory),
            table(("image, made without a registry", "size"), sizes),
        )
    )


def main() -> None:
    """Measures, prints, and writes what was asked for."""
    parser = argparse.ArgumentParser(description="Measure both runtimes.")
    parser.add_argument("--repeat", type=int, default=3, help="how often each figure is measured (default: 3)")
    parser.add_argument("--no-cold-build", action="store_true", help="leave out the build that takes longest")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    options = parser.parse_args()
    machine = Machine.here()
    with removed(ContainerBench) as lab:
        lab.build(cold=not options.no_cold_build)
        cycles(lab, options.repeat)
        containers, images = lab.measured, lab.images()
    with removed(Bench) as lab:
        lab.invoke("build")
        lab.timed("warm build", "build")
        cycles(lab, options.repeat)
        native = lab.measured
    figures = {"machine": asdict(machine), "native": asdict(native), "compose": asdict(containers), "images": images}
    publish("runtimes", f"{machine}\n\n{render(native, containers, images)}", figures, options.json, options.write)


if __name__ == "__main__":
    main()
