"""The command line and environment of each service on the host: a pure function of configuration and binaries."""

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.base.account import LOCALE, SEARCH_PATH, unprivileged, user_name
from lab.base.catalogue import LOOPBACK, Service
from lab.config import LabConfig
from lab.runtime import service_configuration
from lab.runtime.credentials import store_variables
from lab.runtime.endpoints import on_host
from lab.runtime.layout import Layout

# Name of the file below the lab's configuration that holds Alertmanager's login.
ALERTMANAGER_WEB = "alertmanager-web.yml"
# And of the one that says whom it tells: it holds URLs and a password.
ALERTMANAGER_CONFIG = "alertmanager.yml"
# Marks every process of a lab, so that those that lost their supervisor can be found.
OWNED_BY = "MLOPS_LAB_OWNED_BY"
_HOSTS = (LOOPBACK, "localhost")


@dataclass(frozen=True)
class Tools:
    """Where the servers' binaries are; the optional ones are None where they aren't installed."""

    postgres: Path
    weed: Path
    prometheus: Path
    alertmanager: Sequence[str] | None = None
    grafana: Sequence[str] | None = None


@dataclass(frozen=True)
class Command:
    """How a service is started. The environment may hold secrets; with `hide_urls` its log shows of URLs the host."""

    argv: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path
    stop_signal: str = "TERM"
    stop_group: bool = True
    hide_urls: bool = False


def base_environment(layout: Layout) -> dict[str, str]:
    """What every service gets. Nothing of the caller's shell is in it: whoever types `up`, the services are the same.

    HOME is the lab's own, so that no dot file of a user (.netrc, .pgpass, .gitconfig, .aws) reaches a service.
    """
    return {
        OWNED_BY: str(layout.home),
        "PATH": f"{python().parent}:{SEARCH_PATH}",
        "HOME": str(layout.cache),
        "USER": user_name(),
        "LOGNAME": user_name(),
        "LANG": LOCALE,
        "LC_ALL": LOCALE,
        "TZ": "UTC",
        "TMPDIR": str(layout.scratch),
        "NO_PROXY": ",".join(_HOSTS),
    }


def python() -> Path:
    """This environment's interpreter under one name, whichever of its names and links a command was started by."""
    found = Path(sys.prefix).resolve() / "bin" / "python"
    return found if sys.prefix != sys.base_prefix and found.exists() else Path(sys.executable)


def command(service: Service, config: LabConfig, layout: Layout, tools: Tools) -> Command:
    """How `service` is started. Raises KeyError for one that isn't installed."""
    makers: dict[Service, Callable[[LabConfig, Layout, Tools], Command]] = {
        Service.POSTGRES: _postgres,
        Service.OBJECT_STORE: _object_store,
        Service.PROMETHEUS: _prometheus,
        Service.ALERTMANAGER: _alertmanager,
        Service.GRAFANA: _grafana,
    }
    return makers[service](config, layout, tools) if service in makers else _python(service, config, layout)


def dying_with_parent(argv: Sequence[str], signal: str = "TERM") -> list[str]:
    """`argv` that ends when its supervisor is killed; elsewhere than on Linux leftovers are swept up instead."""
    setpriv = shutil.which("setpriv", path=SEARCH_PATH) if sys.platform == "linux" else None
    return [setpriv, "--pdeathsig", signal, *argv] if setpriv else list(argv)


def _postgres(config: LabConfig, layout: Layout, tools: Tools) -> Command:
    server = [str(tools.postgres / "postgres"), "-D", str(layout.postgres), "-p", str(config.port(Service.POSTGRES))]
    server += [
        "-c",
        f"listen_addresses={LOOPBACK}",
        "-c",
        "unix_socket_directories=",
        *service_configuration.postgres_options(),
    ]
    # A cluster keeps the zone of its first start; `logs --since` takes what names none for UTC.
    server += ["-c", "log_timezone=UTC"]
    argv = unprivileged(dying_with_parent(server, "INT"))
    return Command(argv, base_environment(layout), layout.postgres, stop_signal="INT", stop_group=False)


def store_options(config: LabConfig, layout: Layout) -> str:
    """SeaweedFS's options as the text of its options file: the console's password stays off the command line."""
    folders = {
        "dir": str(layout.store),
        "s3.config": str(layout.config / "s3-identities.json"),
        "s3.localSocket": str(layout.run / "s3.sock"),
        "filer.localSocket": str(layout.run / "filer.sock"),
    }
    options = service_configuration.store_options(on_host(config, layout), folders) | {
        "admin.password": config.secrets.s3_admin
    }
    return "".join(f"{name}={value}\n" for name, value in options.items())


def _object_store(config: LabConfig, layout: Layout, tools: Tools) -> Command:
    signing = ("WEED_JWT_SIGNING_KEY", "WEED_JWT_SIGNING_READ_KEY", "WEED_JWT_FILER_SIGNING_KEY")
    environment = base_environment(layout) | {
        # Memory is held down by collecting often. A limit alone near what is in use would have it collect all the time
        # once more is: each bucket that was ever made keeps some megabytes of buffers until the next start.
        "GOGC": "15",
        "GOMEMLIMIT": "700MiB",
        **dict.fromkeys((*signing, "WEED_JWT_FILER_SIGNING_READ_KEY"), config.secrets.store_jwt),
        **store_variables(layout.config),
    }
    argv = [str(tools.weed), "mini", f"-options={layout.config / 'object-store.options'}"]
    return Command(dying_with_parent(argv), environment, layout.store)


def _python(service: Service, config: LabConfig, layout: Layout) -> Command:
    """Dagster's processes run in their own folder: in the project's they would load `.env`, every secret with it."""
    place = on_host(config, layout)
    folders = {Service.MLFLOW: layout.mlflow}
    folders |= dict.fromkeys((Service.DAGSTER_CODE, Service.DAGSTER, Service.DAGSTER_DAEMON), layout.dagster)
    environment = base_environment(layout) | service_configuration.environment(service, place)
    # The code of this folder, also where another copy of it is installed.
    environment["PYTHONPATH"] = str(config.root)
    argv = [str(python()), *service_configuration.python_arguments(service, place)]
    return Command(dying_with_parent(argv), environment, folders.get(service, config.root))


def _prometheus(config: LabConfig, layout: Layout, tools: Tools) -> Command:
    place = on_host(config, layout)
    options = service_configuration.prometheus_options(
        place, str(layout.config / "prometheus.yml"), str(layout.prometheus)
    )
    argv = dying_with_parent([str(tools.prometheus), *options])
    return Command(argv, base_environment(layout), layout.prometheus)


def _alertmanager(config: LabConfig, layout: Layout, tools: Tools) -> Command:
    if tools.alertmanager is None:
        raise KeyError("alertmanager")
    options = service_configuration.alertmanager_options(
        on_host(config, layout),
        str(layout.config / ALERTMANAGER_CONFIG),
        str(layout.config / ALERTMANAGER_WEB),
        str(layout.alertmanager),
    )
    argv = dying_with_parent([*tools.alertmanager, *options])
    # Before 0.26 it logs the URL of a webhook that it can't reach, which is a secret.
    return Command(argv, base_environment(layout), layout.alertmanager, hide_urls=config.alerts.any)


def _grafana(config: LabConfig, layout: Layout, tools: Tools) -> Command:
    if tools.grafana is None:
        raise KeyError("grafana")
    grafana = config.root / "grafana"
    told = service_configuration.grafana_environment(
        on_host(config, layout), str(grafana / "provisioning"), str(grafana / "dashboards")
    )
    environment = base_environment(layout) | told | {
        "GF_SECURITY_ADMIN_PASSWORD": config.secrets.grafana_admin,
        "GF_SECURITY_SECRET_KEY": config.secrets.grafana_signing,
        "GF_PATHS_DATA": str(layout.grafana),
        "GF_PATHS_LOGS": str(layout.logs),
    }  # fmt: skip
    # Also where its database has an older password.
    start = ["/bin/sh", str(config.root / "stack" / "grafana" / "start.sh"), tools.grafana[0], _homepath(tools.grafana)]
    return Command(dying_with_parent([*start, *tools.grafana]), environment, layout.grafana)


def _homepath(argv: Sequence[str]) -> str:
    """Where Grafana's files are, as its command line says; empty where it doesn't."""
    return argv[argv.index("--homepath") + 1] if "--homepath" in argv else ""
