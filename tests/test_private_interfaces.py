"""What the lab uses of other projects' insides is still there, and is used in one module per library.

A release may take any of it away. Then these tests say what is missing and what the lab needs it for; `nox -s newest`
asks them of the newest releases.
"""

import ast
import inspect
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest

from lab.base import mlflow_private

ROOT = Path(__file__).resolve().parents[1]
CODE = sorted(
    [*(path for name in ("lab", "pipelines", "exporters") for path in (ROOT / name).rglob("*.py")), ROOT / "tasks.py"]
)


@dataclass(frozen=True)
class Relied:
    """Something inside a library: what it must take, or have, and what the lab does with it."""

    package: str
    name: str
    use: str
    takes: Sequence[str] = ()
    has: Sequence[str] = ()

    def __str__(self) -> str:
        return self.name

    def missing(self) -> str:
        """What the installed release hasn't got; empty when all is there."""
        try:
            found = resolve_name(self.name)
        except (ImportError, AttributeError) as err:
            return f"no {self.name} ({err})"
        if absent := [name for name in self.has if not hasattr(found, name)]:
            return f"no {', '.join(absent)} in {self.name}"
        if self.takes and (absent := [name for name in self.takes if name not in _parameters(found)]):
            return f"no parameter {', '.join(absent)} of {self.name}"
        return ""


def _parameters(found: Any) -> Sequence[str]:
    # Dagster's records take their fields, which their signature doesn't show.
    return (*inspect.signature(found).parameters, *getattr(found, "__annotations__", ()))


LAUNCHING, SERVING, HEARTBEATS = "launching runs", "the code location's server", "the errors in the daemons' heartbeats"
PAGES, EVENTS = "the web server behind its guard", "events that outlive a restart of PostgreSQL"
RELIED = (
    Relied("dagster", "dagster._config.config_schema:UserConfigSchema", LAUNCHING),
    Relied(
        "dagster",
        "dagster._core.launcher.base:RunLauncher",
        LAUNCHING,
        has=("_instance", "launch_run", "terminate", "supports_check_run_worker_health", "check_run_worker_health"),
    ),
    Relied("dagster", "dagster._core.launcher.base:CheckRunHealthResult", LAUNCHING, ("status", "msg")),
    Relied(
        "dagster",
        "dagster._core.launcher.base:LaunchRunContext",
        LAUNCHING,
        has=("dagster_run", "job_code_origin"),
    ),
    Relied("dagster", "dagster._core.launcher.base:WorkerStatus", LAUNCHING, has=("RUNNING", "FAILED", "UNKNOWN")),
    Relied(
        "dagster", "dagster._serdes:ConfigurableClass", LAUNCHING, has=("config_type", "from_config_value", "inst_data")
    ),
    Relied("dagster", "dagster._serdes.config_class:ConfigurableClassData", LAUNCHING),
    Relied("dagster", "dagster._grpc.types:ExecuteRunArgs", LAUNCHING, ("job_origin", "run_id", "instance_ref")),
    Relied("dagster", "dagster._cli.api:api_cli", LAUNCHING, has=("main", "commands")),
    Relied("dagster", "dagster:DagsterInstance.get_ref", LAUNCHING),
    Relied("dagster", "dagster._utils.log:configure_loggers", "logs like those of Dagster's own processes"),
    Relied(
        "dagster",
        "dagster._core.types.loadable_target_origin:LoadableTargetOrigin",
        SERVING,
        ("executable_path", "module_name", "working_directory"),
    ),
    Relied("dagster", "dagster._core.utils:FuturesAwareThreadPoolExecutor", SERVING),
    Relied(
        "dagster",
        "dagster._grpc.server:DagsterApiServer",
        SERVING,
        (
            "server_termination_event",
            "logger",
            "server_threadpool_executor",
            "loadable_target_origin",
            "lazy_load_user_code",
            "location_name",
        ),
        has=("ExternalJob", "_get_serialized_external_repository_data"),
    ),
    Relied(
        "dagster",
        "dagster._grpc.server:DagsterGrpcServer",
        SERVING,
        ("server_termination_event", "dagster_api_servicer", "logger", "threadpool_executor", "host", "port"),
        has=("serve",),
    ),
    Relied("dagster", "dagster._daemon.controller:create_daemons_from_instance", HEARTBEATS, ("instance",)),
    Relied("dagster", "dagster._daemon.controller:daemon_controller_from_instance", HEARTBEATS, ("gen_daemons",)),
    Relied("dagster", "dagster._daemon.cli:daemon_controller_from_instance", HEARTBEATS),
    Relied("dagster", "dagster._daemon.cli:main", HEARTBEATS),
    Relied("dagster", "dagster._daemon.daemon:DAEMON_HEARTBEAT_ERROR_LIMIT", HEARTBEATS),
    Relied("dagster", "dagster_shared.error:SerializableErrorInfo", HEARTBEATS, has=("_replace",)),
    Relied("dagster", "dagster._core.workspace.context:WorkspaceProcessContext", PAGES, ("instance", "version")),
    Relied("dagster", "dagster._core.workspace.load_target:WorkspaceFileTarget", PAGES, ("paths",)),
    Relied(
        "dagster",
        "dagster:DagsterInstance.optimize_for_webserver",
        PAGES,
        ("statement_timeout", "pool_recycle", "max_overflow"),
    ),
    Relied("dagster-webserver", "dagster_webserver.graphql:JSONResponse", PAGES),
    Relied("dagster-webserver", "dagster_webserver.version:__version__", PAGES),
    Relied("dagster-webserver", "dagster_webserver.webserver:DagsterWebserver", PAGES, ("live_data_poll_rate",)),
    Relied(
        "dagster",
        "dagster._core.storage.runs.sql_run_storage:SqlRunStorage",
        EVENTS,
        has=("fetchall", "fetchone", "handle_run_event", "add_run_tags"),
    ),
    Relied("dagster-postgres", "dagster_postgres.utils:retry_pg_connection_fn", EVENTS, ("retry_limit", "retry_wait")),
    Relied(
        "dagster-postgres",
        "dagster_postgres:PostgresEventLogStorage",
        EVENTS,
        has=(
            "_connect",
            "_store_asset_event",
            "_store_asset_event_tags",
            "index_transaction",
            "store_asset_check_event",
            "store_event",
        ),
    ),
    Relied("dagster", "dagster._core.events:ASSET_EVENTS", EVENTS),
    Relied("dagster", "dagster._core.events:ASSET_CHECK_EVENTS", EVENTS),
    *(
        Relied("dagster", f"dagster._core.storage.event_log.schema:{table}", EVENTS)
        for table in ("SqlEventLogStorageTable", "AssetEventTagsTable", "AssetCheckExecutionsTable")
    ),
    Relied("mlflow", mlflow_private.APPLICATION, "MLflow's server in one process"),
    Relied("mlflow", mlflow_private.LOOK_UP_PACKAGES, "runs that begin without reading all packages' metadata"),
    Relied("mlflow", mlflow_private.SCORING_APPLICATION, "trying a model as `mlflow models serve` does"),
    Relied("textual", "textual.actions:parse", "the keys in the help"),
    Relied("textual", "textual.keys:_character_to_key", "the keys that a person sets"),
    Relied(
        "textual",
        "textual.css.stylesheet:Stylesheet.add_source",
        "a person's own layout",
        ("css", "read_from", "is_default_css"),
    ),
    Relied("textual", "textual.css.stylesheet:Stylesheet.set_variables", "the first paint", ("variables",)),
    Relied("textual", "textual.app:App", "the first paint", has=("refresh_css", "get_css_variables")),
    Relied(
        "textual-serve",
        "textual_serve.download_manager:DownloadManager",
        "`mlops-lab serve`",
        has=("download", "get_download_metadata"),
    ),
    Relied(
        "textual-serve",
        "textual_serve.app_service:AppService",
        "`mlops-lab serve`",
        ("write_bytes", "write_str", "close", "download_manager"),
        has=("_open_app_process", "_build_environment", "run", "start", "stop", "focus", "blur", "set_terminal_size"),
    ),
    Relied("supervisor", "supervisor.xmlrpc:SupervisorTransport", "supervisord's socket"),
    Relied("supervisor", "supervisor.xmlrpc:UnixStreamHTTPConnection", "supervisord's socket", has=("connect",)),
    Relied(
        "invoke",
        "invoke.parser.parser:ParseMachine",
        "`invoke logs` with and without a name",
        has=("complete_context", "see_positional_arg"),
    ),
    Relied(
        "invoke", "invoke.parser.context:ParserContext.missing_positional_args", "`invoke logs` with and without a name"
    ),
    Relied("invoke", "invoke.parser.parser:Parser.parse_argv", "exit code 2 for wrong usage", ("argv",)),
    Relied("invoke", "invoke.program:Program.parse_cleanup", "exit code 2 for wrong usage"),
    Relied("invoke", "invoke.program:Program.parse_tasks", "`invoke --list` without the options of each task"),
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("relied", RELIED, ids=str)
def test_what_the_lab_relies_on_is_there(relied: Relied) -> None:
    missing = relied.missing()
    assert not missing, f"{relied.package} {version(relied.package)} has {missing}. The lab needs it for {relied.use}."


@pytest.mark.parametrize(
    ("relied", "words"),
    [
        (Relied("textual", "textual.nowhere:parse", ""), "no textual.nowhere:parse"),
        (Relied("textual", "textual.actions:nothing", ""), "no textual.actions:nothing"),
        (Relied("textual", "textual.actions:parse", "", ("colour",)), "no parameter colour of textual.actions:parse"),
        (Relied("textual", "textual.app:App", "", has=("_gone",)), "no _gone in textual.app:App"),
    ],
)
def test_what_is_gone_is_named(relied: Relied, words: str) -> None:
    assert relied.missing().startswith(words)


@pytest.mark.filterwarnings("ignore")
def test_dagsters_tables_have_the_columns_that_are_asked_for() -> None:
    from dagster._core.storage.event_log import schema

    assert {"id", "run_id", "event"} <= set(schema.SqlEventLogStorageTable.c.keys())
    assert "event_id" in schema.AssetEventTagsTable.c
    assert "evaluation_event_storage_id" in schema.AssetCheckExecutionsTable.c


@pytest.mark.filterwarnings("ignore")
def test_dagsters_connections_are_retried_by_the_defaults_of_one_function() -> None:
    """`wait_for_postgres` gives it others: how often, and the seconds of the first pause."""
    from dagster_postgres import utils

    assert [type(one) for one in utils.retry_pg_connection_fn.__defaults__ or ()] == [int, float]


@pytest.mark.filterwarnings("ignore")
def test_dagster_has_the_command_that_executes_a_run() -> None:
    from dagster._cli.api import api_cli

    assert "execute_run" in api_cli.commands


@pytest.mark.filterwarnings("ignore")
def test_mlflows_server_reads_the_variables_that_it_is_told_by() -> None:
    import mlflow.server

    known = {value for name, value in vars(mlflow.server).items() if name.endswith("_ENV_VAR")}
    told = {value for value in vars(mlflow_private).values() if str(value).startswith("_MLFLOW_")}
    assert len(told) == 5
    assert told <= known, f"MLflow {version('mlflow')} has other names for {told - known}"


async def test_textual_styles_anew_for_its_first_theme_once() -> None:
    """The screen leaves that out, as it has given the theme's colours to the style sheet before."""
    from textual.app import App

    from lab.screen.textual_private import parsed_action, style_with_theme

    class Screen(App[None]):
        styled = 0

        def refresh_css(self, animate: bool = True) -> None:
            self.styled += 1

    app = Screen()
    app.theme = "nord"
    style_with_theme(app)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.styled == 1
    assert parsed_action("app.go_to('runs')") == ("app", "go_to", ("runs",))


def test_a_supervisord_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    import xmlrpc.client

    from lab.runtime.native.supervisor_private import transport

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.fspath(tmp_path / "s"))
        listening.listen()
        with (
            xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport(tmp_path / "s", 0.1)) as proxy,
            pytest.raises(TimeoutError),
        ):
            proxy.supervisor.getPID()


@pytest.mark.parametrize(
    ("argv", "code"), [(("no-such-task",), 2), (("status", "--no-such-option"), 2), (("--help", "logs"), 0)]
)
def test_invoke_ends_wrong_usage_with_2(argv: Sequence[str], code: int) -> None:
    program = Path(sys.executable).with_name("invoke")
    done = subprocess.run([program, *argv], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr


# Whose insides are used, and where.
PLACES = {
    "dagster": "lab/dagster_host/dagster_private.py",
    "mlflow": "lab/base/mlflow_private.py",
    "textual": "lab/screen/textual_private.py",
    "textual_serve": "lab/screen/web/textual_serve_private.py",
    "supervisor": "lab/runtime/native/supervisor_private.py",
    "invoke": "lab/commands/dispatch/invoke_private.py",
}
# Without an underscore, and yet nothing that their documentation offers.
UNDOCUMENTED = (
    *("dagster_shared", "dagster_postgres.utils", "dagster_webserver", "mlflow.server", "mlflow.utils"),
    *("mlflow.pyfunc.scoring_server", "textual.actions", "textual_serve", "supervisor"),
    *("invoke.parser", "invoke.program"),
)


def private_imports(tree: ast.AST) -> Iterator[str]:
    """Modules and names inside another project, wherever a file imports them."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            root, *rest = name.split(".")
            hidden = any(part.startswith("_") and not part.startswith("__") for part in rest)
            if root not in {"lab", "exporters", "pipelines"} and (hidden or _undocumented(name)):
                yield name


def _undocumented(name: str) -> bool:
    return any(f"{name}.".startswith(f"{one}.") for one in UNDOCUMENTED)


def test_insides_of_other_projects_are_imported_in_one_module_each() -> None:
    # argparse has no public name for what a parser's subparsers are made with.
    allowed = {"argparse._SubParsersAction"}
    found = {
        (str(path.relative_to(ROOT)), name)
        for path in CODE
        for name in private_imports(ast.parse(path.read_text()))
        if str(path.relative_to(ROOT)) not in PLACES.values()
    }
    assert not {one for one in found if one[1] not in allowed}


@pytest.mark.parametrize(
    "source",
    [
        "from dagster._core import events",
        "from dagster import _core",
        "import dagster._cli.api",
        "def later():\n    from supervisor.xmlrpc import SupervisorTransport",
        "from invoke.program import Program",
        "from textual import actions",
    ],
)
def test_an_import_of_insides_is_noticed(source: str) -> None:
    assert list(private_imports(ast.parse(source)))


def test_attributes_with_an_underscore_are_the_labs_own() -> None:
    own, used = set[str](), dict[str, str]()
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    own.add(name)
                case ast.Name(id=name, ctx=ast.Store()):
                    own.add(name)
                case ast.Attribute(attr=name) if name.startswith("_") and not name.startswith("__"):
                    if isinstance(node.ctx, ast.Store):
                        own.add(name)
                    elif str(path.relative_to(ROOT)) not in PLACES.values():
                        used[name] = str(path.relative_to(ROOT))
    # A process that ends at once; argparse, which lets nobody else look through its arguments; and what named tuples
    # offer, whose own names begin so because fields have the others.
    assert set(used) - own == {"_exit", "_actions", "_SubParsersAction", "_asdict"}, used


@pytest.mark.parametrize(("library", "place"), PLACES.items())
def test_each_library_has_its_module(library: str, place: str) -> None:
    assert library in (ROOT / place).read_text()
