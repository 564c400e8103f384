"""What each service is told by its environment and command line, once for both runtimes. No secret is in either."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence

from lab.base import mlflow_private
from lab.base.catalogue import LOOPBACK, Service
from lab.config import REGION
from lab.models.environment_making import FOLDER, VARIABLE
from lab.runtime.endpoints import MOUNTS, EndpointView

# Small data on few cores: more threads and malloc arenas cost memory and gain nothing.
SPARING = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
_EXPORTERS = (Service.DRIFT_MONITOR, Service.DAGSTER_METRICS, Service.GOVERNANCE_METRICS)


def environment(service: Service, view: EndpointView) -> dict[str, str]:
    """The variables of one of the services that run Python. Raises KeyError for another one."""
    makers: Mapping[Service, Callable[[EndpointView], dict[str, str]]] = {
        Service.MLFLOW: _mlflow,
        Service.DAGSTER_CODE: _dagster,
        Service.DAGSTER: _dagster,
        Service.DAGSTER_DAEMON: _daemon,
        **{name: lambda where, name=name: _exporter(name, where) for name in _EXPORTERS},  # type: ignore[misc]
    }
    return _common(view) | makers[service](view)


def python_arguments(service: Service, view: EndpointView) -> Sequence[str]:
    """What follows `python` on the command line of such a service. Raises KeyError for another one."""
    port, listen = str(view.port(service)) if service is not Service.DAGSTER_DAEMON else "", view.listen
    workspace = str(view.dagster / "workspace.yaml")
    if service in _EXPORTERS:
        return ("-m", f"exporters.{service.replace('-', '_')}")
    lines: Mapping[Service, Sequence[str]] = {
        Service.MLFLOW: (
            *("-m", "uvicorn", mlflow_private.APPLICATION),
            *("--host", listen, "--port", port, "--no-access-log"),
        ),
        Service.DAGSTER_CODE: (*("-m", "lab.dagster_host.code_server", "--host", listen, "--port", port),),
        Service.DAGSTER: (
            *("-m", "lab.dagster_host.web_server", "--host", listen, "--port", port, "--workspace", workspace),
            *(word for host in view.hosts(Service.DAGSTER) for word in ("--allow-host", host)),
        ),
        Service.DAGSTER_DAEMON: ("-m", "lab.dagster_host.daemon", "run", "-w", workspace),
    }
    return lines[service]


def postgres_options() -> list[str]:
    """PostgreSQL's options that are the same everywhere, as its command line has them."""
    options = {
        "max_connections": "60",
        "shared_buffers": "64MB",
        "jit": "off",
        "logging_collector": "off",
        "log_line_prefix": "%m [%p] %q%u@%d ",
    }
    return [word for name, value in options.items() for word in ("-c", f"{name}={value}")]


def scrape_targets(view: EndpointView, services: Collection[Service], minio: bool = False) -> dict[str, str]:
    """host:port by the name of each service that exposes metrics; `minio` does on its own port."""
    exposed = {
        Service.MLFLOW,
        Service.PROMETHEUS,
        Service.DRIFT_MONITOR,
        Service.DAGSTER_METRICS,
        Service.GOVERNANCE_METRICS,
        Service.ALERTMANAGER,
        Service.GRAFANA,
    }
    store = Service.OBJECT_STORE
    targets = {str(service): view.address(service) for service in services if service in exposed}
    port = view.port(store) if minio else view.extra_port(store, "metrics")
    return targets | {str(store): f"{view.host(store)}:{port}"}


def prometheus_options(view: EndpointView, config_file: str, storage: str) -> list[str]:
    """Prometheus' command line after its name."""
    own = view.config.url(Service.PROMETHEUS)
    return [
        f"--config.file={config_file}",
        f"--storage.tsdb.path={storage}",
        "--storage.tsdb.retention.time=7d",
        f"--web.listen-address={view.listen}:{view.port(Service.PROMETHEUS)}",
        f"--web.external-url={own}/",
        # Or any web page that the user opens may read everything here.
        f"--web.cors.origin={re.escape(own)}",
    ]


def alertmanager_options(view: EndpointView, config_file: str, web_file: str, storage: str) -> list[str]:
    """Alertmanager's command line after its name."""
    return [
        f"--config.file={config_file}",
        f"--web.config.file={web_file}",
        f"--storage.path={storage}",
        f"--web.listen-address={view.listen}:{view.port(Service.ALERTMANAGER)}",
        "--cluster.listen-address=",
        # Where a link in a message leads.
        f"--web.external-url={view.config.url(Service.ALERTMANAGER)}/",
        # Only so does it say that a notification arrived, which `invoke alert-test` reads.
        "--log.level=debug",
    ]


# Grafana tells nobody about itself, asks nobody for news, and installs nothing that isn't in its image or archive.
_QUIET_GRAFANA = {
    "GF_ANALYTICS_REPORTING_ENABLED": "false",
    "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
    "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
    "GF_ANALYTICS_FEEDBACK_LINKS_ENABLED": "false",
    "GF_NEWS_NEWS_FEED_ENABLED": "false",
    "GF_SECURITY_DISABLE_GRAVATAR": "true",
    "GF_SNAPSHOTS_EXTERNAL_ENABLED": "false",
    "GF_PLUGINS_PREINSTALL_DISABLED": "true",
    "GF_PLUGINS_PLUGIN_ADMIN_ENABLED": "false",
    "GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED": "true",
}


def grafana_environment(view: EndpointView, provisioning: str, dashboards: str) -> dict[str, str]:
    """Grafana's variables but for its folders and password."""
    return {
        "GF_SERVER_HTTP_ADDR": view.listen,
        "GF_SERVER_HTTP_PORT": str(view.port(Service.GRAFANA)),
        "GF_PATHS_PROVISIONING": provisioning,
        # As a browser reaches it: in its links, and where it compares where a request comes from.
        "GF_SERVER_ROOT_URL": f"{view.config.url(Service.GRAFANA)}/",
        **_QUIET_GRAFANA,
        "PROMETHEUS_URL": view.url(Service.PROMETHEUS),
        "DASHBOARDS_DIR": dashboards,
    }


def store_options(view: EndpointView, folders: Mapping[str, str]) -> dict[str, str]:
    """SeaweedFS's options; `folders` gives its paths. The secret ones, and the files' places, are the runtime's."""
    store = Service.OBJECT_STORE
    origin = view.config.url(store)

    def port(label: str) -> str:
        return str(view.extra_port(store, label))

    return {
        **folders,
        # Its parts speak to each other over loopback in either case.
        "ip": LOOPBACK,
        "ip.bind": view.listen,
        "s3.port": str(view.port(store)),
        "s3.port.grpc": port("s3-grpc"),
        "s3.port.iceberg": "0",
        "s3.port.lance": "0",
        "s3.allowDeleteBucketNotEmpty": "false",
        # Every origin is the default; the store has no pages of its own that would need another one.
        "s3.allowedOrigins": origin,
        "filer.allowedOrigins": origin,
        "master.port": port("master"),
        "master.port.grpc": port("master-grpc"),
        "master.telemetry": "false",
        # There is one master, which elects itself: ten seconds are for several that lose sight of each other.
        "master.electionTimeout": "1s",
        # Of its own log it needs nothing, volumes report themselves. Once it has found one it wakes up a thousand
        # times a second; the other implementation of Raft may give a new store two identities, and never start again.
        "master.resumeState": "false",
        "filer.port": port("filer"),
        "filer.port.grpc": port("filer-grpc"),
        "volume.port": port("volume"),
        "volume.port.grpc": port("volume-grpc"),
        "admin.port": port("console"),
        "admin.port.grpc": port("console-grpc"),
        "admin.user": "admin",
        "metricsPort": port("metrics"),
        "metricsIp": view.listen,
        "webdav": "false",
        # The master's pages ask nobody: one GET, from any web page too, deletes a bucket's data. S3 needs none of them.
        "disableHttp": "true",
    }


def _common(view: EndpointView) -> dict[str, str]:
    return SPARING | {
        "TMPDIR": str(view.scratch),
        "PYTHONUNBUFFERED": "1",
        "XDG_CACHE_HOME": str(view.cache),
        "MPLCONFIGDIR": str(view.cache / "matplotlib"),
    }


def _s3(view: EndpointView, identity: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL_S3": view.url(Service.OBJECT_STORE),
        "AWS_SHARED_CREDENTIALS_FILE": str(view.secrets / f"s3-{identity}"),
        # The user's own may name other accounts, and would win.
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _mlflow(view: EndpointView) -> dict[str, str]:
    database = f"postgresql+psycopg2://mlflow@{view.address(Service.POSTGRES)}/mlflow"
    return _s3(view, "mlflow") | {
        "PGPASSFILE": str(view.secrets / "pgpass-mlflow"),
        mlflow_private.RUN_STORE: database,
        mlflow_private.REGISTRY_STORE: database,
        mlflow_private.ARTIFACT_ROOT: "mlflow-artifacts:/",
        mlflow_private.ARTIFACT_DESTINATION: f"s3://{view.config.artifact_bucket}",
        mlflow_private.SERVE_ARTIFACTS: "true",
        "MLFLOW_S3_ENDPOINT_URL": view.url(Service.OBJECT_STORE),
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(view.hosts(Service.MLFLOW)),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "prometheus_multiproc_dir": str(view.request_counts),
    }


def _dagster(view: EndpointView) -> dict[str, str]:
    return {
        "DAGSTER_HOME": str(view.dagster),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "TRAINING_SCHEDULE": "on" if view.config.training_schedule else "off",
        "PGPASSFILE": str(view.secrets / "pgpass-dagster"),
        "POSTGRES_HOST": view.host(Service.POSTGRES),
        "POSTGRES_PORT": str(view.port(Service.POSTGRES)),
        "DAGSTER_CODE_HOST": view.host(Service.DAGSTER_CODE),
        "DAGSTER_CODE_PORT": str(view.port(Service.DAGSTER_CODE)),
    }


def _daemon(view: EndpointView) -> dict[str, str]:
    # Runs are forked from the daemon's side, so it carries what the pipeline reads.
    return _dagster(view) | _s3(view, "pipeline") | _governed(view) | {
        "DATA_PATH": str(view.data),
        "ARTIFACT_BUCKET": view.config.artifact_bucket,
        "AUDIT_RETENTION_DAYS": str(view.config.audit_retention_days),
        # Links that a person follows, so as a browser on this machine reaches them.
        "MLFLOW_URL": view.config.url(Service.MLFLOW),
        "DAGSTER_URL": view.config.url(Service.DAGSTER),
        "MLFLOW_TRACKING_URI": view.url(Service.MLFLOW),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "RUN_OWNER": view.config.actor.owner,
        "RUN_ROLE": view.config.actor.role,
        "ENVIRONMENT": view.config.actor.environment,
        "RUN_MEMORY_LIMIT_MB": str(view.config.run_memory_limit_mb),
        "LAB_GOVERNANCE_DIR": str(view.governance),
        VARIABLE: str(MOUNTS / FOLDER if view.inside else view.config.home / FOLDER),
    }  # fmt: skip


def _governed(view: EndpointView) -> dict[str, str]:
    """What both the pipeline and the exporters know of data, trail and policy."""
    config = view.config
    return {
        "LAB_NAME": config.name,
        "LAB_JOURNAL_DIR": str(view.journal),
        "DATA_BUCKET": config.data_bucket,
        "AUDIT_BUCKET": config.audit_bucket,
        "AUDIT_LOG_PREFIX": config.audit_prefix,
        "BASELINE_DATA_HASH": config.baseline_data_hash,
        "POLICY_PATH": str(view.policy),
        "ALLOWED_STAGING_ROLES": config.allowed_staging_roles,
        "ALLOWED_PROD_ROLES": config.allowed_prod_roles,
    }


def _exporter(service: Service, view: EndpointView) -> dict[str, str]:
    config = view.config
    told = {"LISTEN_ADDRESS": view.listen, "LISTEN_PORT": str(view.port(service))}
    if service is Service.DAGSTER_METRICS:
        return told | {
            "DAGSTER_URL": view.url(Service.DAGSTER),
            "TRAINING_SCHEDULE": "on" if config.training_schedule else "off",
            "POSTGRES_HOST": view.host(Service.POSTGRES),
            "POSTGRES_PORT": str(view.port(Service.POSTGRES)),
            # A container's own files are on the engine's disk, as the volumes are.
            "LAB_DISK": "/" if view.inside else str(config.home),
        }
    told |= _s3(view, "reader")
    if service is Service.GOVERNANCE_METRICS:
        return told | _governed(view) | {
            "MLFLOW_URL": view.url(Service.MLFLOW),
            "LAB_WITNESS_DIR": str(view.witness),
            "AUDIT_RETENTION_DAYS": str(config.audit_retention_days),
            "OBJECT_STORE": config.object_store,
        }  # fmt: skip
    return told | {
        "DATA_BUCKET": config.data_bucket,
        "BASELINE_DATA_HASH": config.baseline_data_hash,
        "DRIFT_MONITOR_INTERVAL_SECONDS": f"{config.drift_interval_s:g}",
    }
