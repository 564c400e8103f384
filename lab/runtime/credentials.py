"""Files by which services are given their passwords and certificates, in the forms that each of them reads.

Certificates are for the object store, whose inner gRPC would delete anything for anyone on this machine.
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lab.base.catalogue import LOOPBACK, Service
from lab.config import LabConfig
from lab.runtime.endpoints import EndpointView
from lab.runtime.layout import write_private

_S3 = ("pipeline", "mlflow", "reader")


def credential_files(config: LabConfig, view: EndpointView) -> Mapping[str, str]:
    """Text by file name: a password file per database role, and a credentials file per S3 identity."""
    secrets = config.secrets
    databases = {"dagster": secrets.dagster_db, "mlflow": secrets.mlflow_db}
    host, port = view.host(Service.POSTGRES), view.port(Service.POSTGRES)
    files = {f"pgpass-{role}": pgpass(host, port, role, password) for role, password in databases.items()}
    return files | {f"s3-{name}": _profile(name, str(getattr(secrets, f"s3_{name}"))) for name in _S3}


def pgpass(host: str, port: int, role: str, password: str) -> str:
    """A line of libpq's password file; `:` and backslashes are escaped."""
    fields = (host, str(port), "*", role, password)
    return ":".join(field.replace("\\", "\\\\").replace(":", "\\:") for field in fields) + "\n"


def _profile(name: str, secret: str) -> str:
    return f"[default]\naws_access_key_id = {name}\naws_secret_access_key = {secret}\n"


USER = "admin"
# The cheapest that bcrypt has: the password is random, so that nobody guesses it at any cost.
_ROUNDS = 4
_HASH = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")


def web_configuration(password: str, existing: Path) -> str:
    """Alertmanager's web configuration (YAML).

    A hash of this password that is there already is kept: a new one would be a change.
    """
    return f"basic_auth_users: {{{json.dumps(USER)}: {json.dumps(_hashed(password, existing))}}}\n"


def _hashed(password: str, existing: Path) -> str:
    import bcrypt

    secret = password.encode()[:72]  # all that bcrypt looks at, and newer versions refuse more
    try:
        found = _HASH.search(existing.read_text())
    except OSError:
        found = None
    if found and bcrypt.checkpw(secret, found[0].encode()):
        return found[0]
    return bcrypt.hashpw(secret, bcrypt.gensalt(_ROUNDS)).decode()


_VALID = timedelta(days=3650)
# SeaweedFS's names for its own parts and their clients.
_PARTS = ("MASTER", "VOLUME", "FILER", "S3", "ADMIN", "WORKER", "CLIENT", "MSG_BROKER", "MQ")


def ensure_pair(folder: Path) -> bool:
    """A self-signed certificate and its key (PEM, mode 0600) in `folder`, unless they are there; True when made."""
    if _certificate(folder).exists() and _key(folder).exists():
        return False
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mlops-lab object store")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    bare = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_private(_key(folder), bare.decode())
    write_private(_certificate(folder), certificate.public_bytes(pem).decode())
    return True


def store_variables(folder: Path) -> dict[str, str]:
    """SeaweedFS's variables that make each part show the certificate and ask the other side for it."""
    variables = {"WEED_GRPC_CA": str(_certificate(folder))}
    for part in _PARTS:
        variables[f"WEED_GRPC_{part}_CERT"] = str(_certificate(folder))
        variables[f"WEED_GRPC_{part}_KEY"] = str(_key(folder))
    return variables


def certificate_text(folder: Path) -> str:
    """The certificate, which is its own authority (PEM)."""
    return _certificate(folder).read_text()


def key_text(folder: Path) -> str:
    """The private key (PEM)."""
    return _key(folder).read_text()


def _certificate(folder: Path) -> Path:
    return folder / "object-store.crt"


def _key(folder: Path) -> Path:
    return folder / "object-store.key"
