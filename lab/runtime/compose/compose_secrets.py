"""The secrets of a lab's containers, each as the text of a file that its service reads."""

import json
from pathlib import Path, PurePosixPath

from lab.base.catalogue import LOOPBACK, Service
from lab.config import LabConfig
from lab.runtime import alertmanager_config, service_configuration
from lab.runtime.credentials import (
    USER,
    certificate_text,
    credential_files,
    ensure_pair,
    key_text,
    pgpass,
    web_configuration,
)
from lab.runtime.endpoints import SECRETS, EndpointView
from lab.runtime.native.service_files import identities


def secret_files(config: LabConfig, view: EndpointView, folder: Path) -> dict[str, str]:
    """Text by name, as compose.yaml names its secrets."""
    secrets = config.secrets
    given = {name: getattr(secrets, name) for name in ("postgres", "dagster_db", "mlflow_db")}
    given |= {name: getattr(secrets, name) for name in ("s3_admin", "s3_pipeline", "s3_mlflow", "s3_reader")}
    web = folder / "secrets" / "alertmanager-web"
    return {
        **credential_files(config, view),
        **_seaweedfs(config, view, folder),
        "postgres-password": secrets.postgres,
        "pgpass-check": pgpass(LOOPBACK, view.port(Service.POSTGRES), "postgres", secrets.postgres),
        "provision": json.dumps(given),
        "minio-password": secrets.s3_admin,
        "alertmanager-web": web_configuration(secrets.alertmanager, web),
        "alertmanager-password": secrets.alertmanager,
        "alertmanager-config": alertmanager_config.render(config.alerts),
        "alertmanager-check": json.dumps(
            {"basic_auth": {"username": USER, "password_file": str(SECRETS / "alertmanager-password")}}
        ),
        "grafana-password": secrets.grafana_admin,
        "grafana-secret-key": secrets.grafana_signing,
    }


def _seaweedfs(config: LabConfig, view: EndpointView, folder: Path) -> dict[str, str]:
    ensure_pair(folder)
    folders = {"dir": "/data", "s3.config": str(SECRETS / "seaweedfs-identities")}
    folders |= {"s3.localSocket": "/tmp/s3.sock", "filer.localSocket": "/tmp/filer.sock"}  # noqa: S108 - the container's
    options = service_configuration.store_options(view, folders) | {"admin.password": config.secrets.s3_admin}
    return {
        "seaweedfs-options": "".join(f"{name}={value}\n" for name, value in options.items()),
        "seaweedfs-identities": identities(config),
        "seaweedfs-security": security(config.secrets.store_jwt, SECRETS),
        "seaweedfs-certificate": certificate_text(folder),
        "seaweedfs-key": key_text(folder),
    }


def security(signing_key: str, folder: PurePosixPath) -> str:
    """SeaweedFS's security.toml: its parts sign what they ask each other by HTTP, and show a certificate by gRPC."""
    key, ca = json.dumps(signing_key), json.dumps(str(folder / "seaweedfs-certificate"))
    private = json.dumps(str(folder / "seaweedfs-key"))
    signing = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
    lines = [f"[{name}]\nkey = {key}\n" for name in signing]
    lines.append(f"[grpc]\nca = {ca}\n")
    parts = ("master", "volume", "filer", "s3", "admin", "worker", "client", "msg_broker", "mq")
    lines += [f"[grpc.{part}]\ncert = {ca}\nkey = {private}\n" for part in parts]
    return "\n".join(lines)
