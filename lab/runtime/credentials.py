"""Files by which services are given their passwords, in the forms that libpq and boto3 read."""

from collections.abc import Mapping

from lab.base.catalogue import Service
from lab.config import LabConfig
from lab.runtime.place import Place

_S3 = ("pipeline", "mlflow", "reader")


def credential_files(config: LabConfig, place: Place) -> Mapping[str, str]:
    """Text by file name: a password file per database role, and a credentials file per S3 identity."""
    secrets = config.secrets
    databases = {"dagster": secrets.dagster_db, "mlflow": secrets.mlflow_db}
    host, port = place.host(Service.POSTGRES), place.port(Service.POSTGRES)
    files = {f"pgpass-{role}": pgpass(host, port, role, password) for role, password in databases.items()}
    return files | {f"s3-{name}": _profile(name, str(getattr(secrets, f"s3_{name}"))) for name in _S3}


def pgpass(host: str, port: int, role: str, password: str) -> str:
    """A line of libpq's password file; `:` and backslashes are escaped."""
    fields = (host, str(port), "*", role, password)
    return ":".join(field.replace("\\", "\\\\").replace(":", "\\:") for field in fields) + "\n"


def _profile(name: str, secret: str) -> str:
    return f"[default]\naws_access_key_id = {name}\naws_secret_access_key = {secret}\n"
