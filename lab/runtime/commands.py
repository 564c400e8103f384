"""The command line and environment of each service on the host: a pure function of configuration and binaries."""

import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from lab.core.account import unprivileged
from lab.core.config import REGION, LabConfig
from lab.core.services import LOOPBACK, Service
from lab.runtime.certificates import store_variables
from lab.runtime.layout import Layout

# Name of the file below the lab's configuration that holds Alertmanager's login.
ALERTMANAGER_WEB = "alertmanager-web.yml"
# Marks every process of a lab, so that those that lost their supervisor can be found.
OWNED_BY = "MLOPS_LAB_OWNED_BY"
_INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
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
    """How a service is started. The environment may hold secrets."""

    argv: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path
    stop_signal: str = "TERM"
    stop_group: bool = True


def base_environment(layout: Layout) -> dict[str, str]:
    """What every service gets: little from the caller's shell, so that it runs the same from anywhere."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return kept | {
        OWNED_BY: str(layout.home),
        "TMPDIR": str(layout.scratch),
        "NO_PROXY": ",".join(_HOSTS),
        "PYTHONUNBUFFERED": "1",
        "XDG_CACHE_HOME": str(layout.cache),
        "MPLCONFIGDIR": str(layout.cache / "matplotlib"),
        # Small data on few cores: more threads and malloc arenas cost memory and gain nothing.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }


def command(service: Service, config: LabConfig, layout: Layout, tools: Tools) -> Command:
    """How `service` is started. Raises KeyError for one that isn't installed."""
    makers: dict[Service, Callable[[LabConfig, Layout, Tools], Command]] = {
        Service.POSTGRES: _postgres,
        Service.OBJECT_STORE: _object_store,
        Service.MLFLOW: _mlflow,
        Service.DAGSTER_CODE: _dagster_code,
        Service.DAGSTER: _dagster_webserver,
        Service.DAGSTER_DAEMON: _dagster_daemon,
        Service.PROMETHEUS: _prometheus,
        Service.ALERTMANAGER: _alertmanager,
        Service.GRAFANA: _grafana,
        Service.DRIFT_MONITOR: lambda c, lay, _: _exporter("drift", Service.DRIFT_MONITOR, c, lay),
        Service.DAGSTER_METRICS: lambda c, lay, _: _exporter("dagster", Service.DAGSTER_METRICS, c, lay),
        Service.GOVERNANCE_METRICS: lambda c, lay, _: _exporter("governance", Service.GOVERNANCE_METRICS, c, lay),
    }
    return makers[service](config, layout, tools)


def dying_with_parent(argv: Sequence[str], signal: str = "TERM") -> list[str]:
    """`argv` that ends when its supervisor is killed; elsewhere than on Linux leftovers are swept up instead."""
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    return [setpriv, "--pdeathsig", signal, *argv] if setpriv else list(argv)


def _postgres(config: LabConfig, layout: Layout, tools: Tools) -> Command:
    options = {
        "listen_addresses": LOOPBACK,
        "unix_socket_directories": "",
        "max_connections": "60",
        "shared_buffers": "64MB",
        "jit": "off",
        "logging_collector": "off",
        "log_line_prefix": "%m [%p] %q%u@%d ",
    }
    server = [str(tools.postgres / "postgres"), "-D", str(layout.postgres), "-p", str(config.port(Service.POSTGRES))]
    for name, value in options.items():
        server += ["-c", f"{name}={value}"]
    argv = unprivileged(dying_with_parent(server, "INT"))
    return Command(argv, base_environment(layout), layout.postgres, stop_signal="INT", stop_group=False)


def store_options(config: LabConfig, layout: Layout) -> str:
    """SeaweedFS's options as the text of its options file: the console's password stays off the command line."""

    def port(label: str) -> str:
        return str(config.extra_port(Service.OBJECT_STORE, label))

    options = {
        "dir": str(layout.store),
        "ip": LOOPBACK,
        "ip.bind": LOOPBACK,
        "s3.port": str(config.port(Service.OBJECT_STORE)),
        "s3.port.grpc": port("s3-grpc"),
        "s3.config": str(layout.config / "s3-identities.json"),
        "s3.port.iceberg": "0",
        "s3.port.lance": "0",
        "s3.allowDeleteBucketNotEmpty": "false",
        # Every origin is the default; the store has no pages of its own that would need another one.
        "s3.allowedOrigins": config.url(Service.OBJECT_STORE),
        "filer.allowedOrigins": config.url(Service.OBJECT_STORE),
        "s3.localSocket": str(layout.run / "s3.sock"),
        "filer.localSocket": str(layout.run / "filer.sock"),
        "master.port": port("master"),
        "master.port.grpc": port("master-grpc"),
        "master.telemetry": "false",
        "filer.port": port("filer"),
        "filer.port.grpc": port("filer-grpc"),
        "volume.port": port("volume"),
        "volume.port.grpc": port("volume-grpc"),
        "admin.port": port("console"),
        "admin.port.grpc": port("console-grpc"),
        "admin.user": "admin",
        "admin.password": config.secrets.s3_admin,
        "metricsPort": port("metrics"),
        "metricsIp": LOOPBACK,
        "webdav": "false",
        # The master's pages ask nobody: one GET, from any web page too, deletes a bucket's data. S3 needs none of them.
        "disableHttp": "true",
    }
    return "".join(f"{name}={value}\n" for name, value in options.items())


def _object_store(config: LabConfig, layout: Layout, tools: Tools) -> Command:
    signing = ("WEED_JWT_SIGNING_KEY", "WEED_JWT_SIGNING_READ_KEY", "WEED_JWT_FILER_SIGNING_KEY")
    environment = base_environment(layout) | {
        "GOMEMLIMIT": "300MiB",
        **dict.fromkeys((*signing, "WEED_JWT_FILER_SIGNING_READ_KEY"), config.secrets.store_jwt),
        **store_variables(layout.config),
    }
    argv = [str(tools.weed), "mini", f"-options={layout.config / 'object-store.options'}"]
    return Command(dying_with_parent(argv), environment, layout.store)


def _s3(config: LabConfig, identity: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL_S3": config.url(Service.OBJECT_STORE),
        "AWS_ACCESS_KEY_ID": identity,
        "AWS_SECRET_ACCESS_KEY": str(getattr(config.secrets, f"s3_{identity}")),
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _mlflow(config: LabConfig, layout: Layout, _: Tools) -> Command:
    port = config.port(Service.MLFLOW)
    password = quote(config.secrets.mlflow_db, safe="")
    database = f"postgresql+psycopg2://mlflow:{password}@{LOOPBACK}:{config.port(Service.POSTGRES)}/mlflow"
    environment = base_environment(layout) | _s3(config, "mlflow") | {
        "_MLFLOW_SERVER_FILE_STORE": database,
        "_MLFLOW_SERVER_REGISTRY_STORE": database,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": f"s3://{config.artifact_bucket}",
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "MLFLOW_S3_ENDPOINT_URL": config.url(Service.OBJECT_STORE),
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(f"{host}:{port}" for host in _HOSTS),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "prometheus_multiproc_dir": str(layout.mlflow / "metrics"),
    }  # fmt: skip
    argv = [sys.executable, "-m", "uvicorn", "mlflow.server.fastapi_app:app", "--host", LOOPBACK, "--port", str(port)]
    return Command(dying_with_parent([*argv, "--no-access-log"]), environment, layout.mlflow)


def _dagster(config: LabConfig, layout: Layout) -> dict[str, str]:
    """Dagster's processes run in their own folder: in the project's they would load `.env`, every secret with it."""
    return base_environment(layout) | {
        "DAGSTER_HOME": str(layout.dagster),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "DAGSTER_DB_PASSWORD": config.secrets.dagster_db,
        "POSTGRES_HOST": LOOPBACK,
        "POSTGRES_PORT": str(config.port(Service.POSTGRES)),
        "DAGSTER_CODE_HOST": LOOPBACK,
        "DAGSTER_CODE_PORT": str(config.port(Service.DAGSTER_CODE)),
    }


def _pipeline(config: LabConfig, layout: Layout) -> dict[str, str]:
    """What the pipeline's code reads, wherever it runs."""
    return _s3(config, "pipeline") | {
        "LAB_NAME": config.name,
        "LAB_JOURNAL_DIR": str(layout.journal),
        "DATA_PATH": str(config.data_path),
        "DATA_BUCKET": config.data_bucket,
        "ARTIFACT_BUCKET": config.artifact_bucket,
        "AUDIT_BUCKET": config.audit_bucket,
        "AUDIT_LOG_PREFIX": config.audit_prefix,
        "AUDIT_RETENTION_DAYS": str(config.audit_retention_days),
        "BASELINE_DATA_HASH": config.baseline_data_hash,
        "MLFLOW_URL": config.url(Service.MLFLOW),
        "MLFLOW_TRACKING_URI": config.url(Service.MLFLOW),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DAGSTER_URL": config.url(Service.DAGSTER),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "RUN_OWNER": config.actor.owner,
        "RUN_ROLE": config.actor.role,
        "ENVIRONMENT": config.actor.environment,
        "POLICY_PATH": str(config.policy_path),
        "LAB_GOVERNANCE_DIR": str(config.governance),
        "ALLOWED_STAGING_ROLES": config.allowed_staging_roles,
        "ALLOWED_PROD_ROLES": config.allowed_prod_roles,
    }


def _dagster_code(config: LabConfig, layout: Layout, _: Tools) -> Command:
    argv = [sys.executable, "-m", "dagster", "api", "grpc", "-m", "pipelines.definitions", "-h", LOOPBACK]
    argv += ["-p", str(config.port(Service.DAGSTER_CODE)), "--location-name", "pipelines"]
    environment = _dagster(config, layout) | _pipeline(config, layout)
    return Command(dying_with_parent(argv), environment, layout.dagster)


def _dagster_webserver(config: LabConfig, layout: Layout, _: Tools) -> Command:
    argv = [sys.executable, "-m", "pipelines.webserver", "--host", LOOPBACK]
    argv += ["--port", str(config.port(Service.DAGSTER)), "--workspace", str(layout.dagster / "workspace.yaml")]
    return Command(dying_with_parent(argv), _dagster(config, layout), layout.dagster)


def _dagster_daemon(config: LabConfig, layout: Layout, _: Tools) -> Command:
    argv = [sys.executable, "-m", "pipelines.daemon", "run", "-w", str(layout.dagster / "workspace.yaml")]
    # Runs are forked from the daemon's side, so it carries what the pipeline reads.
    environment = _dagster(config, layout) | _pipeline(config, layout)
    return Command(dying_with_parent(argv), environment, layout.dagster)


def _exporter(module: str, service: Service, config: LabConfig, layout: Layout) -> Command:
    environment = base_environment(layout) | _pipeline(config, layout) | _s3(config, "reader")
    environment |= {
        "LISTEN_ADDRESS": LOOPBACK,
        "LISTEN_PORT": str(config.port(service)),
        "DRIFT_MONITOR_INTERVAL_SECONDS": f"{config.drift_interval_s:g}",
    }
    if service is Service.GOVERNANCE_METRICS:
        environment["LAB_WITNESS_DIR"] = str(config.witness)
    argv = [sys.executable, "-m", f"exporters.{module}"]
    return Command(dying_with_parent(argv), environment, config.root)


def _prometheus(config: LabConfig, layout: Layout, tools: Tools) -> Command:
    address = f"{LOOPBACK}:{config.port(Service.PROMETHEUS)}"
    argv = [
        str(tools.prometheus),
        f"--config.file={layout.config / 'prometheus.yml'}",
        f"--storage.tsdb.path={layout.prometheus}",
        "--storage.tsdb.retention.time=7d",
        f"--web.listen-address={address}",
        f"--web.external-url=http://{address}/",
        # Or any web page that the user opens may read everything here.
        f"--web.cors.origin={re.escape(f'http://{address}')}",
    ]
    return Command(dying_with_parent(argv), base_environment(layout), layout.prometheus)


def _alertmanager(config: LabConfig, layout: Layout, tools: Tools) -> Command:
    if tools.alertmanager is None:
        raise KeyError("alertmanager")
    address = f"{LOOPBACK}:{config.port(Service.ALERTMANAGER)}"
    argv = [
        *tools.alertmanager,
        f"--config.file={config.root / 'stack' / 'alertmanager' / 'alertmanager.yml'}",
        f"--web.config.file={layout.config / ALERTMANAGER_WEB}",
        f"--storage.path={layout.alertmanager}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    return Command(dying_with_parent(argv), base_environment(layout), layout.alertmanager)


def _grafana(config: LabConfig, layout: Layout, tools: Tools) -> Command:
    if tools.grafana is None:
        raise KeyError("grafana")
    environment = base_environment(layout) | {
        "GF_SERVER_HTTP_ADDR": LOOPBACK,
        "GF_SERVER_HTTP_PORT": str(config.port(Service.GRAFANA)),
        "GF_SECURITY_ADMIN_PASSWORD": config.secrets.grafana_admin,
        "GF_PATHS_DATA": str(layout.grafana),
        "GF_PATHS_LOGS": str(layout.logs),
        "GF_PATHS_PROVISIONING": str(config.root / "grafana" / "provisioning"),
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "PROMETHEUS_URL": config.url(Service.PROMETHEUS),
        "DASHBOARDS_DIR": str(config.root / "grafana" / "dashboards"),
    }
    return Command(dying_with_parent(tools.grafana), environment, layout.grafana)
