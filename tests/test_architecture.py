"""The import contracts hold, and each of them notices the violation that it exists for."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("lab", "pipelines", "exporters")
LAYERS = "Layers of the control plane"
HOST = "Training stands on Dagster's host"
SERVICES = "Services never import the control plane"
TRAINS = "Only pipelines import what trains"
EXPORTERS = "Nothing imports the exporters"
TEXTUAL = "Only the screen imports Textual"
FRONT_ENDS = "Only front ends draw"
RULES = "Rules and ledger decide over values"
VALUES = "Dashboards are values"
BASE = "The base needs the standard library only"
CONTRACTS = (LAYERS, HOST, SERVICES, TRAINS, EXPORTERS, TEXTUAL, FRONT_ENDS, VALUES, RULES, BASE)
# Contract, importing module, what it must not import: one for every arrow between neighbours, and some longer ones.
PLANTS = (
    (LAYERS, "lab.screen.themes", "lab.cli"),
    (LAYERS, "lab.cli_dash", "lab.cli"),
    (LAYERS, "lab.cli_config", "lab.cli_dash"),
    (LAYERS, "lab.screen.binding", "lab.cli_record"),
    (LAYERS, "lab.commands.dispatch.ending", "lab.screen.terminal"),
    (LAYERS, "lab.recording.marks", "lab.commands.dispatch.ending"),
    (LAYERS, "lab.views.formats", "lab.recording.marks"),
    (LAYERS, "lab.wiring", "lab.views.formats"),
    (LAYERS, "lab.dashboards.times", "lab.commands.dispatch.ending"),
    (LAYERS, "lab.dashboards.times", "lab.recording.marks"),
    (LAYERS, "lab.views.formats", "lab.dashboards.times"),
    (LAYERS, "lab.governance.checks.proof", "lab.wiring"),
    (LAYERS, "lab.operations.silence", "lab.governance.checks.proof"),
    (LAYERS, "lab.observe.service_state", "lab.operations.silence"),
    (LAYERS, "lab.governance.cases.audit", "lab.observe.service_state"),
    (LAYERS, "lab.runtime.runtime", "lab.governance.cases.audit"),
    (LAYERS, "lab.runtime.lock", "lab.services.exposition"),
    (LAYERS, "lab.services.json_reading", "lab.runtime.runtime"),
    (LAYERS, "lab.services.http", "lab.settings"),
    (LAYERS, "lab.settings", "lab.runtime.layout"),
    (LAYERS, "lab.config", "lab.envfile"),
    (LAYERS, "lab.config", "lab.services.exposition"),
    (LAYERS, "lab.governance.rules.races", "lab.config"),
    (LAYERS, "lab.governance.ledger.entry", "lab.governance.rules.races"),
    (LAYERS, "lab.envfile", "lab.config"),
    (LAYERS, "lab.operations.deployment.source", "lab.governance.checks.proof"),
    (LAYERS, "lab.governance.ledger.retention", "lab.models.cron"),
    (LAYERS, "lab.models.columns", "lab.governance.ledger.entry"),
    (LAYERS, "lab.base.runs", "lab.governance.ledger.entry"),
    (LAYERS, "lab.models.contract", "lab.governance.rules.policy"),
    (LAYERS, "lab.base.errors", "lab.models.contract"),
    (TEXTUAL, "lab.models.model_folder", "textual"),
    (HOST, "lab.training.frames", "pipelines.definitions"),
    (HOST, "lab.dagster_host.memory_limit", "lab.training.frames"),
    (HOST, "lab.services.json_reading", "lab.dagster_host.memory_limit"),
    (SERVICES, "lab.training.plots", "lab.settings"),
    (SERVICES, "lab.training.schema", "lab.views.formats"),
    (SERVICES, "exporters.serve", "lab.operations.silence"),
    (SERVICES, "exporters.exporter_config", "lab.wiring"),
    (SERVICES, "exporters.trail_metrics", "lab.runtime.runtime"),
    (SERVICES, "lab.training.guard", "lab.governance.cases.trail"),
    (SERVICES, "lab.dagster_host.daemon", "lab.observe.snapshot"),
    (SERVICES, "lab.training.evaluating", "lab.cli_dash"),
    (TRAINS, "lab.operations.silence", "lab.training.frames"),
    (TRAINS, "lab.runtime.lock", "lab.dagster_host.memory_limit"),
    (TRAINS, "lab.models.cron", "pipelines.definitions"),
    (TRAINS, "exporters.watched", "lab.training.frames"),
    (TRAINS, "lab.cli", "lab.dagster_host.memory_limit"),
    (EXPORTERS, "lab.training.frames", "exporters.watched"),
    (EXPORTERS, "lab.observe.service_state", "exporters.watched"),
    (EXPORTERS, "pipelines.definitions", "exporters.watched"),
    (TEXTUAL, "lab.views.cells", "textual"),
    (TEXTUAL, "lab.recording.recorder", "textual"),
    (TEXTUAL, "lab.dashboards.drawing.canvas", "textual"),
    (TEXTUAL, "lab.commands.printing", "textual"),
    (FRONT_ENDS, "lab.operations.seed", "rich"),
    (FRONT_ENDS, "lab.training.plots", "rich"),
    (VALUES, "lab.dashboards.asking", "httpx"),
    (VALUES, "lab.dashboards.drawing.draw", "lab.services.http"),
    (RULES, "lab.governance.rules.history", "httpx"),
    (RULES, "lab.governance.ledger.writer", "boto3"),
    (BASE, "lab.base.dataset", "pandas"),
    (BASE, "lab.base.errors", "pydantic"),
    (BASE, "lab.base.catalogue", "httpx"),
)


def lint(folder: Path) -> tuple[int, dict[str, str]]:
    """Exit status, and the report by contract: `KEPT`, or the illegal imports."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache", "--no-logo"],
        cwd=folder,
        env={"PATH": "", "COLUMNS": "400", "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert all(name in done.stdout for name in CONTRACTS), done.stdout + done.stderr
    report = {name: "KEPT" for name in CONTRACTS if f"{name} KEPT" in done.stdout}
    # A broken contract's section is headed by its underlined name and ends at the next one.
    headed = re.split(r"^(.+)\n-{5,}$", done.stdout, flags=re.MULTILINE)
    report |= {name: text for name, text in zip(headed[1::2], headed[2::2], strict=True) if name in CONTRACTS}
    return done.returncode, report


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The report on a copy of the code that has every violation of PLANTS in it."""
    folder = tmp_path_factory.mktemp("planted")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for _, importer, imported in PLANTS:
        path = folder.joinpath(*importer.split(".")).with_suffix(".py")
        path.write_text(f"{path.read_text()}\nimport {imported}\n")
    status, report = lint(folder)
    assert status == 1
    return report


def test_every_contract_is_kept() -> None:
    assert lint(ROOT) == (0, dict.fromkeys(CONTRACTS, "KEPT"))


def contract_named(name: str) -> dict[str, Any]:
    """One contract of pyproject.toml."""
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return next(one for one in found if one["name"] == name)


def layers(name: str) -> list[list[str]]:
    """The modules of each layer, from the top."""
    return [layer.split(" | ") for layer in contract_named(name)["layers"]]


def children(package: str) -> set[str]:
    """Modules and packages that stand directly in a package; a folder that was moved may have left its caches."""
    folder = ROOT.joinpath(*package.split("."))
    found = [path.stem for path in folder.glob("*.py")] + [path.parent.name for path in folder.glob("*/*.py")]
    return {f"{package}.{name}" for name in found if name != "__init__"}


def test_every_folder_has_its_place_in_the_layers() -> None:
    """Otherwise a new one could import, and be imported by, anything."""
    placed = {module for name in (LAYERS, HOST) for layer in layers(name) for module in layer if module != "pipelines"}
    assert placed == children("lab") - {"lab.governance"} | children("lab.governance")


def test_contracts_that_name_folders_name_all_of_them() -> None:
    control_plane = {module for layer in layers(LAYERS) for module in layer}
    whole = {module if "governance" not in module else "lab.governance" for module in control_plane}
    front_ends = {module for module in whole if module.startswith("lab.cli")} | {"lab.screen"}
    of_services = {"lab.training", "lab.dagster_host", "pipelines", "exporters"}
    drawing = {"lab.views", "lab.recording", "lab.dashboards", "lab.commands"}
    may = {"lab.base", "lab.models", "lab.config", "lab.services", "lab.governance.rules", "lab.governance.ledger"}
    assert set(contract_named(SERVICES)["forbidden_modules"]) == control_plane - may
    assert set(contract_named(TRAINS)["source_modules"]) == whole | {"exporters"}
    assert set(contract_named(TEXTUAL)["source_modules"]) == whole - front_ends | of_services
    assert set(contract_named(FRONT_ENDS)["source_modules"]) == whole - front_ends - drawing | of_services


def modules() -> list[Path]:
    return [path for path in sorted((ROOT / "lab").rglob("*.py")) if path.name != "__init__.py"]


def test_no_two_modules_share_a_name() -> None:
    """So that a file is found by its name alone."""
    counted = Counter(path.name for path in modules())
    assert not [name for name, times in counted.items() if times > 1]


def test_no_folder_is_too_large_to_be_read_at_a_glance() -> None:
    counted = Counter(path.parent for path in modules())
    assert not [str(folder.relative_to(ROOT)) for folder, held in counted.items() if held > 25]


@pytest.mark.parametrize(("contract", "importer", "imported"), PLANTS)
def test_planted_violation_breaks_its_contract(
    planted: dict[str, str], contract: str, importer: str, imported: str
) -> None:
    assert re.search(rf"^- +{re.escape(f'{importer} -> {imported}')} \(l\.", planted[contract], re.MULTILINE)


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that a file imports, wherever it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("path", sorted((ROOT / "lab" / "base").rglob("*.py")), ids=lambda path: path.stem)
def test_base_imports_only_itself_and_the_standard_library(path: Path) -> None:
    roots = {name.partition(".")[0] for name in imports(ast.parse(path.read_text())) if not name.startswith("lab.base")}
    assert roots <= sys.stdlib_module_names


# Its test tries it as the lab does; its code runs where the lab may not be.
MODELS_CODE = [path for path in sorted((ROOT / "pipelines").glob("*/**/*.py")) if not path.name.startswith("test_")]


@pytest.mark.parametrize("path", MODELS_CODE, ids=lambda path: path.parent.name)
def test_a_models_code_needs_nothing_of_the_lab(path: Path) -> None:
    """The linter doesn't see folders without an `__init__.py`, which a model needs none of."""
    assert not {name.partition(".")[0] for name in imports(ast.parse(path.read_text()))} & set(PACKAGES)


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """What is evaluated when the module is imported: not the bodies of functions, but their defaults and decorators."""
    for child in ast.iter_child_nodes(node):
        yield child
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            given = (*child.args.defaults, *filter(None, child.args.kw_defaults), *getattr(child, "decorator_list", ()))
            for one in given:
                # The environment itself as a default is read when the function is called.
                if ast.unparse(one) not in {"os.environ", "environ"}:
                    yield from (one, *at_import(one))
        else:
            yield from at_import(child)


def environment_reads(tree: ast.AST) -> Iterator[int]:
    """Lines that read the environment when the module is imported."""
    for node in at_import(tree):
        match node:
            case (
                ast.Attribute(attr="environ" | "environb" | "getenv")
                | ast.Name(id="environ" | "environb" | "getenv", ctx=ast.Load())
            ):
                yield node.lineno


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_reads_the_environment_at_import(package: str) -> None:
    reading = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / package).rglob("*.py")
        if (lines := list(environment_reads(ast.parse(path.read_text()))))
    }
    assert not reading


@pytest.mark.parametrize(
    "source",
    [
        "import os\nHOME = os.environ['HOME']",
        "import os\nclass A:\n    home: str = os.environ.get('HOME', '')",
        "from os import getenv\nif getenv('DEBUG'):\n    DEBUG = True",
        "import os\nALL = dict(os.environ)",
        "import os\nDEBUG = 'DEBUG' in os.environ",
        "import os\ndef home(path: str = os.environ['HOME']): ...",
        "import os\ndef home(*, path: str = os.environ.get('HOME', '')): ...",
        "import os\nasync def home(all: dict = dict(os.environ)): ...",
        "import os\nclass A:\n    def home(self, path=os.getenv('HOME')): ...",
        "import os\nHOME = lambda path=os.environ['HOME']: path",
        "import os\n@cached(os.environ['HOME'])\ndef home(): ...",
    ],
)
def test_read_at_import_is_noticed(source: str) -> None:
    assert list(environment_reads(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        "import os\ndef home():\n    return os.environ['HOME']",
        "import os\ndef home(environ=os.environ):\n    return environ['HOME']",
        "import os\nHOME = lambda: os.environ['HOME']",
    ],
)
def test_read_inside_a_function_is_allowed(source: str) -> None:
    assert not list(environment_reads(ast.parse(source)))


def test_nothing_that_is_kept_is_ignored() -> None:
    """Linters and the package's builder pass over what git ignores, tracked or not."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    argv = [git, "-C", str(ROOT), "ls-files", "--cached", "--ignored", "--exclude-standard"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        pytest.skip(done.stderr.strip())
    assert not done.stdout.split()
