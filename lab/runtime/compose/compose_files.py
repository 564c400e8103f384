"""What the containers read, written before they start: variables, secrets and configuration below LAB_HOME/compose."""

import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lab.base.account import home
from lab.base.catalogue import CATALOGUE, Service
from lab.base.errors import LabError
from lab.config import LabConfig
from lab.models.environment_in_containers import FOLDER as ENVIRONMENTS
from lab.runtime import isolation, service_configuration
from lab.runtime.compose.compose_secrets import secret_files
from lab.runtime.compose.ownership import LABELLING, labelling
from lab.runtime.credentials import USER
from lab.runtime.data_mount import FOLDER
from lab.runtime.endpoints import MOUNTS, SECRETS, EndpointView, in_container
from lab.runtime.images.official import Official, needed
from lab.runtime.lab_marker import MINIO, SEAWEEDFS
from lab.runtime.layout import Layout, write_private
from lab.runtime.prometheus_config import render

PROVISION = "provision"
# As whom containers run when root starts them.
NOBODY_SPECIAL = 10001
_MINIO_METRICS = "/minio/v2/metrics/cluster"


@dataclass(frozen=True)
class Stack:
    """A lab's containers before they exist: which services, which store, which images, whose processes.

    With `lab_id` they are labelled with it.
    """

    config: LabConfig
    services: Sequence[Service]
    store: str
    images: Mapping[str, str]
    lab_id: str = ""

    @property
    def folder(self) -> Path:
        return self.config.home / "compose"

    @property
    def variables_file(self) -> Path:
        return self.folder / "compose.env"

    @property
    def files(self) -> Sequence[Path]:
        """What Compose merges."""
        own = [self.config.home / LABELLING] if self.lab_id else []
        return [*isolation.compose_files(self.config), *own]

    @property
    def inbox(self) -> Path:
        """Files that a user gave to a run lie here, because containers see nothing else of this machine."""
        return self.config.home / FOLDER

    @property
    def uid(self) -> int:
        return os.getuid() or NOBODY_SPECIAL

    @property
    def gid(self) -> int:
        return os.getgid() if os.getuid() else NOBODY_SPECIAL

    @property
    def official(self) -> Sequence[Official]:
        """The images that aren't built from this project's code."""
        return needed(self.services, self.store, self.images)

    @property
    def profiles(self) -> Sequence[str]:
        return [str(service) for service in (Service.ALERTMANAGER, Service.GRAFANA) if service in self.services]

    @cached_property
    def place(self) -> EndpointView:
        return in_container(self.config)


def write_all(stack: Stack) -> None:
    """Writes everything. Raises LabError for a setting that containers can't have."""
    layout = Layout(stack.config.home)
    for folder in (stack.folder, stack.folder / "secrets", stack.folder / "config", stack.folder / "env"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for folder in (layout.journal, stack.config.witness, stack.config.governance, stack.inbox):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        hand_over(stack, folder)
    # Mounted whether a model needs it or not, and only read there.
    (stack.config.home / ENVIRONMENTS).mkdir(exist_ok=True, mode=0o755)
    secrets, configuration = secret_files(stack.config, stack.place, stack.folder), _configuration(stack)
    for name, text in secrets.items():
        _write_owned(stack, stack.folder / "secrets" / name, text)
    for name, text in configuration.items():
        _write_owned(stack, stack.folder / "config" / name, text)
    for name, variables in told(stack).items():
        write_private(stack.folder / "env" / f"{name}.env", _env_file(variables))
    if stack.lab_id:
        text = labelling(isolation.compose_files(stack.config), stack.lab_id)
        write_private(stack.config.home / LABELLING, text)
    write_private(stack.variables_file, _env_file(variables_of(stack)))


def told(stack: Stack) -> Mapping[str, dict[str, str]]:
    """The variables of each service's own; one of them changes with the files that it reads at its start."""
    read = _read(stack)
    environments = _environments(stack).items()
    return {name: variables | {"LAB_FILES_READ": _digest(stack, name, read)} for name, variables in environments}


def files_of(stack: Stack, name: str) -> dict[str, str]:
    """The texts of the files that the service reads at its start, by their names. They may hold secrets."""
    read = _read(stack)
    return {file: read[file] for file in _names_read(stack, name, read)}


def _read(stack: Stack) -> Mapping[str, str]:
    return secret_files(stack.config, stack.place, stack.folder) | _configuration(stack) | _shared(stack)


def variables_of(stack: Stack) -> dict[str, str]:
    """Every variable of compose.yaml; none is a secret."""
    config = stack.config
    ports = {_upper(spec.name): config.port(spec.name) for spec in CATALOGUE if spec.published}
    ports["OBJECT_STORE_CONSOLE"] = config.extra_port(Service.OBJECT_STORE, "console")
    folders = {
        "DATA": _own_folder(config, config.data_path, "DATA_PATH"),
        "POLICY": _own_folder(config, config.policy_path, "POLICY_PATH"),
        "GOVERNANCE": config.governance,
        "JOURNAL": Layout(config.home).journal,
        "WITNESS": config.witness,
        "INBOX": stack.inbox,
        "ENVIRONMENTS": config.home / ENVIRONMENTS,
    }
    return {
        "COMPOSE_FILE": os.pathsep.join(map(str, stack.files)),
        "COMPOSE_PROJECT_NAME": config.name,
        "COMPOSE_PROFILES": ",".join(stack.profiles),
        "LAB_NAME": config.name,
        "LAB_FILES": str(stack.folder),
        "LAB_UID": str(stack.uid),
        "LAB_GID": str(stack.gid),
        "OBJECT_STORE": stack.store,
        **{f"{name}_PORT": str(port) for name, port in ports.items()},
        **{f"{name}_FOLDER": str(folder) for name, folder in folders.items()},
        **stack.images,
        **isolation.variables(config),
    }


def _upper(service: Service) -> str:
    return service.upper().replace("-", "_")


def _own_folder(config: LabConfig, path: Path, variable: str) -> Path:
    """The folder of a file, which is mounted whole, so that an edited file is seen. Raises LabError for a wide one."""
    folder = path.parent
    if folder in {home(), config.home} or config.root.is_relative_to(folder):
        raise LabError(
            f"{variable}={path} lies in {folder}, which containers must not see whole.",
            "Put the file into a folder of its own.",
        )
    return folder


def _configuration(stack: Stack) -> dict[str, str]:
    place, minio = stack.place, stack.store == MINIO
    alertmanager = place.address(Service.ALERTMANAGER) if Service.ALERTMANAGER in stack.services else None
    text = render(
        service_configuration.scrape_targets(place, stack.services, minio),
        str(MOUNTS / "prometheus" / "alert_rules.yml"),
        alertmanager,
        {Service.ALERTMANAGER: (USER, SECRETS / "alertmanager-password")},
        {Service.OBJECT_STORE: _MINIO_METRICS} if minio else {},
        lab=stack.config.name,
    )
    return {"prometheus.yml": text}


def _shared(stack: Stack) -> dict[str, str]:
    """Files of the project that are mounted as they stand."""
    root = stack.config.root / "stack"
    names = ("dagster/dagster.yaml", "dagster/workspace.yaml", "prometheus/alert_rules.yml", "grafana/start.sh")
    return {name: (root / name).read_text() for name in (*names, "health/health.py")}


_INSTANCE = ("dagster/dagster.yaml", "dagster/workspace.yaml", "pgpass-dagster", "health/health.py")
# Which of these files each service reads at its start.
_READS: Mapping[str, Sequence[str]] = {
    Service.POSTGRES: ("postgres-password", "pgpass-check"),
    Service.OBJECT_STORE: ("minio-password",),
    PROVISION: (PROVISION,),
    Service.MLFLOW: ("pgpass-mlflow", "s3-mlflow", "health/health.py"),
    Service.DAGSTER_CODE: _INSTANCE,
    Service.DAGSTER: _INSTANCE,
    Service.DAGSTER_DAEMON: (*_INSTANCE, "s3-pipeline"),
    Service.DRIFT_MONITOR: ("s3-reader", "health/health.py"),
    Service.DAGSTER_METRICS: ("health/health.py",),
    Service.GOVERNANCE_METRICS: ("s3-reader", "health/health.py"),
    Service.PROMETHEUS: ("prometheus.yml", "prometheus/alert_rules.yml", "alertmanager-password"),
    Service.ALERTMANAGER: ("alertmanager-web", "alertmanager-password", "alertmanager-config"),
    Service.GRAFANA: ("grafana-password", "grafana-secret-key", "grafana/start.sh"),
}


def _digest(stack: Stack, name: str, read: Mapping[str, str]) -> str:
    """Changes when a file does that the service reads at its start, so that Compose makes its container anew.

    Keyed, because a container's variables can be seen by whoever may ask the engine, and a password could be guessed.
    """
    text = "\0".join(read[file] for file in _names_read(stack, name, read))
    return hmac.new(stack.config.secrets.store_jwt.encode(), text.encode(), "sha256").hexdigest()[:12]


def _names_read(stack: Stack, name: str, read: Mapping[str, str]) -> Sequence[str]:
    if name == Service.OBJECT_STORE and stack.store == SEAWEEDFS:
        return sorted(file for file in read if file.startswith("seaweedfs-"))
    return _READS.get(name, ())


def _environments(stack: Stack) -> Mapping[str, dict[str, str]]:
    place = stack.place
    told: dict[str, dict[str, str]] = {PROVISION: _provision(stack)}
    for service in stack.services:
        try:
            told[service] = service_configuration.environment(service, place)
        except KeyError:
            told[service] = {}
    grafana = MOUNTS / "grafana"
    if Service.GRAFANA in told:
        told[Service.GRAFANA] = service_configuration.grafana_environment(
            place, str(grafana / "provisioning"), str(grafana / "dashboards")
        )
    return told


def _provision(stack: Stack) -> dict[str, str]:
    config, place = stack.config, stack.place
    return {
        "PROVISION_SECRETS_FILE": str(SECRETS / PROVISION),
        "POSTGRES_HOST": place.host(Service.POSTGRES),
        "POSTGRES_PORT": str(place.port(Service.POSTGRES)),
        "AWS_ENDPOINT_URL_S3": place.url(Service.OBJECT_STORE),
        "AWS_EC2_METADATA_DISABLED": "true",
        "OBJECT_STORE": stack.store,
        "DATA_BUCKET": config.data_bucket,
        "ARTIFACT_BUCKET": config.artifact_bucket,
        "AUDIT_BUCKET": config.audit_bucket,
        "AUDIT_LOG_PREFIX": config.audit_prefix,
        "AUDIT_RETENTION_DAYS": str(config.audit_retention_days),
    }


def _env_file(variables: Mapping[str, str]) -> str:
    return "".join(f"{name}={quoted(value)}\n" for name, value in sorted(variables.items()))


def quoted(value: str) -> str:
    """A value as Compose's env files take it literally. Raises LabError for one that they can't hold."""
    if "\n" in value or "\r" in value:
        raise LabError(f"{value!r} can't be given to a container.", "Take the line break out.")
    if "'" not in value:
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def _write_owned(stack: Stack, path: Path, text: str) -> None:
    """A file that only the containers' user may read."""
    write_private(path, text)
    if os.getuid() == 0:
        os.chown(path, stack.uid, stack.gid)
    path.chmod(0o400)


def hand_over(stack: Stack, folder: Path) -> None:
    """Gives a folder that both sides write to to the containers' user; root's own way in needs no right."""
    if os.getuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, stack.uid, stack.gid, follow_symlinks=False)
