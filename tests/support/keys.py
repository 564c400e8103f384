"""Real SSH keys, and stock ssh-keygen as the second opinion."""

import base64
import subprocess
from collections.abc import Iterable
from pathlib import Path

from lab.base.account import named
from lab.governance.rules.signers import NAMESPACE, Signer
from lab.governance.rules.ssh_keys import PublicKey


def make_key(folder: Path, kind: str, name: str = "", passphrase: str = "") -> Path:
    """A key of a kind like `ed25519` or `ecdsa-384`, its public half beside it."""
    path = folder / (name or kind)
    family, _, bits = kind.partition("-")
    size = ["-b", bits or "2048"] if family == "rsa" or bits else []
    argv = ["ssh-keygen", "-q", "-t", family, *size, "-N", passphrase, "-C", "", "-f", str(path)]
    subprocess.run(named(argv), check=True, capture_output=True)
    return path


def fields_of(key: PublicKey) -> list[bytes]:
    """The strings of a key's blob."""
    raw, found = base64.b64decode(key.blob), []
    while raw:
        size = int.from_bytes(raw[:4], "big")
        found.append(raw[4 : 4 + size])
        raw = raw[4 + size :]
    return found


def key_of(*fields: bytes) -> PublicKey:
    """A key whose blob holds these strings, however wrong."""
    blob = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    return PublicKey(fields[0].decode(), base64.b64encode(blob).decode())


def rewritten(key: PublicKey, zeros: int = 0, exponent: int = 0) -> PublicKey:
    """An RSA key in another text: with zeros in front of its numbers, or with another exponent."""
    kind, e, n = fields_of(key)
    return key_of(kind, exponent.to_bytes(4, "big").lstrip(b"\0") if exponent else bytes(zeros) + e, bytes(zeros) + n)


def public_text(key: PublicKey, point: bytes = b"") -> str:
    """What a `.pub` file holds of a key; with `point`, of an Ed25519 key that has this one."""
    shown = key_of(fields_of(key)[0], point) if point else key
    return f"{shown.type} {shown.blob}\n"


def stock_verify(
    folder: Path, message: bytes, armored: str, known: Iterable[Signer], principal: str, at: str = ""
) -> bool:
    """What `ssh-keygen -Y verify` says."""
    signers, signature = folder / "allowed_signers", folder / "statement.sig"
    signers.write_text("".join(f"{one.line}\n" for one in known))
    signature.write_text(armored)
    argv = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", principal, "-n", NAMESPACE, "-s", str(signature)]
    argv += ["-O", f"verify-time={at}"] if at else []
    return subprocess.run(named(argv), input=message, capture_output=True, check=False).returncode == 0
