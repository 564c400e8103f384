"""What many models cost: a lab with 2 and with 50 model folders, and the ratio of both.

`.venv/bin/python benchmarks/models.py [--models N] [--pairs N]` starts labs of its own, one after the other, of copies
of the project, and removes them. Processor seconds are compared: on a busy machine they say more than the clock.
"""

import argparse
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.lab import Bench  # noqa: E402 - run as a file, it must find the packages first
from docs.tables import table  # noqa: E402
from lab.runtime.native.orphan_processes import owned  # noqa: E402
from tests.support.project import committed  # noqa: E402

_FEW = 2
_RELOAD_DEADLINE_S = 120.0
_TICKS = 5
_MAKINGS = 5
_UP = (str(Path(sys.executable).with_name("invoke")), "up")
# Not the installed command: it would find the models of this checkout, and not those of the copy that it is run in.
_ONCE = (sys.executable, "-c", "import sys; from lab.cli import main; sys.exit(main(sys.argv[1:]))", "--once")
# As the code server takes in an edit: it makes what changed, and forks a process that loads the definitions to answer.
_DEFINITIONS = """
import gc, importlib, os, socket, time
from pathlib import Path
from lab.dagster_host import code_server
from lab.dagster_host.code_location import Address
from lab.dagster_host.warm_up import take_ahead
for name in code_server._PRELOADED:
    importlib.import_module(name)
gc.freeze()
take_ahead()
contract = Path("pipelines/credit_risk/model.yaml")
contract.write_text(contract.read_text() + "\\n# seen again\\n")
began = time.process_time()
take_ahead()
own = time.process_time() - began
if os.fork():
    os.wait()
else:
    began = time.process_time()
    def ready():
        print(own + time.process_time() - began, flush=True)
        os._exit(0)
    from lab.dagster_host.code_location import serve
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve(Address("127.0.0.1", port), ready, lazy=False)
"""


class ManyModels(Bench):
    """A lab of a copy of the project with so many models."""

    def __init__(self, folder: Path, models: int) -> None:
        super().__init__(folder, TRAINING_SCHEDULE="off")
        self.root = committed(folder / "project")
        self.figures: dict[str, list[float]] = {}
        fill(self.root / "pipelines", models)

    def timed_command(self, what: str, *argv: str, settled: bool = False) -> None:
        """Notes the clock's seconds, and the processor's of the command and of the lab's services meanwhile.

        `settled`: also those of the services until they have little to do any more. What they import ahead of the
        first run goes on after `up`, and the longer `up` waits the more of it falls into that time.
        """
        services, own = self._services_cpu(), _children_cpu()
        began = time.monotonic()
        subprocess.run(
            argv,
            cwd=self.root,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=self.deadline_s,
        )
        self._note(f"{what}, seconds", time.monotonic() - began)
        self._note(f"{what}, processor seconds of the command", _children_cpu() - own)
        self._note(f"{what}, processor seconds of the services", max(0.0, self._services_cpu() - services))
        if settled:
            self.settle()
            used = max(0.0, self._services_cpu() - services)
            self._note(f"{what}, processor seconds of the services until they settled", used)

    def reload(self) -> None:
        """From the saving of a contract to the code server's word that it serves the new definitions."""
        log = self.home / "logs" / "dagster-code.log"
        contract = self.root / "pipelines" / "credit_risk" / "model.yaml"
        before = log.stat().st_size
        contract.write_text(contract.read_text() + "\n# seen\n")
        began = time.monotonic()
        while not re.search(r"are in service", log.read_text()[before:]):
            if time.monotonic() - began > _RELOAD_DEADLINE_S:
                raise SystemExit(f"no reload within {_RELOAD_DEADLINE_S:.0f} s:\n{log.read_text()[before:]}")
            time.sleep(0.05)
        self._note("definitions reload, seconds", time.monotonic() - began)

    def definitions(self) -> None:
        """The processor's seconds from an edit until a new server can answer."""
        argv = [sys.executable, "-c", _DEFINITIONS]
        environ = {**self.environ, "DAGSTER_HOME": ""}
        done = subprocess.run(
            argv, cwd=self.root, env=environ, capture_output=True, check=True, timeout=self.deadline_s
        )
        self._note("definitions made, processor seconds", float(done.stdout))

    def _services_cpu(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in owned(self.home))

    def _note(self, what: str, value: float) -> None:
        self.figures.setdefault(what, []).append(value)


def fill(pipelines: Path, models: int) -> None:
    """Copies of the credit model, each with a name of its own, until there are so many."""
    there = len(list(pipelines.glob("*/model.yaml")))
    source = pipelines / "credit_risk"
    for place in range(models - there):
        folder = pipelines / f"copy_{place}"
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
        text = (folder / "model.yaml").read_text(encoding="utf-8")
        text = re.sub(r"^name: .*$", f"name: Copy{place}", text, flags=re.MULTILINE)
        text = re.sub(r"^(default|schedule): .*\n", "", text, flags=re.MULTILINE)
        (folder / "model.yaml").write_text(text, encoding="utf-8")


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def removed(models: int) -> Iterator[ManyModels]:
    """A lab to measure, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="lab-benchmark-", dir=os.environ.get("TMPDIR")) as folder:
        lab = ManyModels(Path(folder), models)
        try:
            yield lab
        finally:
            lab.invoke("nuke", "--yes")


def measured(models: int) -> dict[str, float]:
    """The median of each figure."""
    with removed(models) as lab:
        lab.timed_command("`up`, new lab", *_UP, settled=True)
        lab.invoke("down")
        lab.timed_command("`up` after `down`", *_UP, settled=True)
        lab.timed_command("`up` of what is up", *_UP)
        lab.reload()
        for _ in range(_MAKINGS):
            lab.definitions()
        for _ in range(_TICKS):
            lab.timed_command("`mlops-lab --once`", *_ONCE)
        return {what: statistics.median(values) for what, values in lab.figures.items()}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=50)
    parser.add_argument("--pairs", type=int, default=1)
    asked = parser.parse_args()
    pairs = [(measured(_FEW), measured(asked.models)) for _ in range(asked.pairs)]
    rows = []
    for what in pairs[0][0]:
        few, many = (statistics.median(pair[place][what] for pair in pairs) for place in (0, 1))
        rows.append((what, f"{few:.2f}", f"{many:.2f}", f"×{many / few:.2f}" if few else "–"))
    print(table(("", f"{_FEW} models", f"{asked.models} models", "ratio"), rows))


if __name__ == "__main__":
    main()
