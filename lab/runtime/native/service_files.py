"""Configuration files of the native services, rendered from the lab's configuration."""

import json
import os
import shutil
import socket
import stat
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from lab.base.catalogue import LOOPBACK, Service
from lab.base.errors import LabError
from lab.config import LabConfig
from lab.runtime import alertmanager_config, service_configuration
from lab.runtime.credentials import USER, credential_files, web_configuration
from lab.runtime.endpoints import on_host
from lab.runtime.layout import Layout, write_private
from lab.runtime.native.command_lines import ALERTMANAGER_CONFIG, ALERTMANAGER_WEB, store_options

# Name of the file below LAB_HOME that the command at work on the lab has locked.
LOCK = "lock"


@dataclass(frozen=True)
class Input:
    """A file that `readers` read at their start. One that isn't `ours` stands in the project as it is."""

    path: Path
    text: str = field(repr=False)
    readers: tuple[Service, ...]
    ours: bool = True


_DAGSTERS = (Service.DAGSTER_CODE, Service.DAGSTER, Service.DAGSTER_DAEMON)
_CREDENTIALS: Mapping[str, tuple[Service, ...]] = {
    "pgpass-dagster": _DAGSTERS,
    "pgpass-mlflow": (Service.MLFLOW,),
    "s3-mlflow": (Service.MLFLOW,),
    "s3-pipeline": (Service.DAGSTER_DAEMON,),
    "s3-reader": (Service.DRIFT_MONITOR, Service.GOVERNANCE_METRICS),
}


def inputs(config: LabConfig, layout: Layout, services: Sequence[Service]) -> tuple[Input, ...]:
    """Every file that the services read when they start, and who does."""
    from lab.runtime.prometheus_config import render

    stack = config.root / "stack"
    rules = stack / "prometheus" / "alert_rules.yml"
    login = (USER, config.secrets.alertmanager)
    alertmanager = f"{LOOPBACK}:{config.port(Service.ALERTMANAGER)}" if Service.ALERTMANAGER in services else None
    targets = scrape_targets(config, services)
    prometheus = render(targets, str(rules), alertmanager, {Service.ALERTMANAGER: login}, lab=config.name)
    web = web_configuration(config.secrets.alertmanager, layout.config / ALERTMANAGER_WEB)
    dagster = {name: (stack / "dagster" / name).read_text() for name in ("dagster.yaml", "workspace.yaml")}
    credentials = credential_files(config, on_host(config, layout))
    store, own = (Service.OBJECT_STORE,), layout.config
    return (
        *(Input(layout.dagster / name, text, _DAGSTERS) for name, text in dagster.items()),
        *(Input(own / name, text, _CREDENTIALS[name]) for name, text in credentials.items()),
        Input(own / "s3-identities.json", identities(config), store),
        Input(own / "object-store.options", store_options(config, layout), store),
        Input(own / "prometheus.yml", prometheus, (Service.PROMETHEUS,)),
        Input(rules, rules.read_text(), (Service.PROMETHEUS,), ours=False),
        Input(own / ALERTMANAGER_WEB, web, (Service.ALERTMANAGER,)),
        Input(own / ALERTMANAGER_CONFIG, alertmanager_config.render(config.alerts), (Service.ALERTMANAGER,)),
    )


def write_inputs(files: Sequence[Input], only: Sequence[Service] = ()) -> None:
    """Writes the lab's own of these files, or those that one of `only` reads."""
    for one in files:
        if one.ours and (not only or not set(only).isdisjoint(one.readers)):
            write_private(one.path, one.text)


def is_strangers(config: LabConfig) -> bool:
    """Whether LAB_HOME holds somebody else's files: it must not become a lab's, because `nuke` removes it whole."""
    home, marker = config.home, Layout(config.home).marker
    if marker.exists() or not home.exists():
        return False
    # Images may have been built, and a deployment looked at, before the lab was started.
    own = {marker.name, f"{marker.name}.part", config.env_file.name, LOCK, "compose", "deploy"}
    return not home.is_dir() or any(path.name not in own for path in home.iterdir())


def refuse_foreign(folder: Path) -> None:
    """Raises LabError for a folder that others could have made or may write to: whoever can, commands the servers."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise LabError(f"{folder} belongs to somebody else, or others may write to it.", "Remove it.")


def empty_scratch(layout: Layout) -> None:
    """Removes what killed services left behind; for when nothing of the lab runs."""
    shutil.rmtree(layout.scratch, ignore_errors=True)
    layout.scratch.mkdir(mode=0o700)


def remove_dead_sockets(config: LabConfig) -> None:
    """SeaweedFS puts sockets that are named after its ports into /tmp whatever it is told, and leaves them when killed.

    A socket that somebody listens on stays: another lab may have these ports now.
    """
    parts = {"admin": "console-grpc", "filer": "filer-grpc", "master": "master-grpc", "s3": "s3-grpc"}
    for part, label in (parts | {"volume": "volume-grpc"}).items():
        path = f"/tmp/seaweedfs-{part}-grpc-{config.extra_port(Service.OBJECT_STORE, label)}.sock"  # noqa: S108 - theirs
        with closing(socket.socket(socket.AF_UNIX)) as probe:
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                with suppress(OSError):
                    Path(path).unlink()
            except OSError:
                continue


def forget_request_counts(layout: Layout) -> None:
    """MLflow's exporter would add up the counts of all processes that ever ran; for before its start."""
    shutil.rmtree(layout.mlflow / "metrics", ignore_errors=True)
    (layout.mlflow / "metrics").mkdir(parents=True)


def scrape_targets(config: LabConfig, services: Sequence[Service]) -> Mapping[str, str]:
    """host:port by the name of each service that exposes metrics."""
    return service_configuration.scrape_targets(on_host(config, Layout(config.home)), services)


def identities(config: LabConfig) -> str:
    """S3 identities of SeaweedFS: an administrator, and one each for pipeline, MLflow and readers.

    What the three may do is a bucket policy's business; without one they may do nothing.
    """
    secrets = config.secrets
    known = {
        "admin": secrets.s3_admin,
        "pipeline": secrets.s3_pipeline,
        "mlflow": secrets.s3_mlflow,
        "reader": secrets.s3_reader,
    }
    listed = [
        {
            "name": name,
            "credentials": [{"accessKey": name, "secretKey": secret}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"] if name == "admin" else [],
        }
        for name, secret in known.items()
    ]
    return json.dumps({"identities": listed}, indent=1)
