"""Certificates for the object store's inner gRPC, which otherwise deletes anything for anyone on this machine."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lab.base.catalogue import LOOPBACK
from lab.runtime.private import write_private

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
