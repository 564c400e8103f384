"""Signing with a person's SSH key through ssh-keygen, and verifying in this process what it made.

The format is OpenSSH's PROTOCOL.sshsig; the same bytes can be verified by `ssh-keygen -Y verify`.
"""

import base64
import binascii
import hashlib
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.base.account import AGENT, named, passed_on
from lab.base.errors import SignatureInvalid, UsageError
from lab.governance.rules.signers import NAMESPACE, Signer
from lab.governance.rules.ssh_keys import PublicKey, parse_public_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

# Long enough to type a passphrase or to touch a hardware key.
SIGN_DEADLINE_S = 120.0
DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_MAGIC = b"SSHSIG"
# What a hardware key says of the moment it signed: that somebody touched it.
_USER_PRESENT = 0x01


@dataclass(frozen=True)
class Signature:
    """A parsed SSHSIG. `format` names the algorithm of `value`; only a hardware key leaves a `trailer`."""

    key: PublicKey
    namespace: str
    hash_name: str
    format: str
    value: bytes
    raw_key: bytes
    trailer: bytes = b""

    def signed(self, message: bytes) -> bytes:
        """The bytes that the key signed for `message`."""
        digest = hashlib.new(self.hash_name, message).digest()
        fields = (self.namespace.encode(), b"", self.hash_name.encode(), digest)
        return _MAGIC + b"".join(map(pack, fields))


def pack(field: bytes) -> bytes:
    """A string of SSH's wire format."""
    return len(field).to_bytes(4, "big") + field


class _Fields:
    """Reads SSH's wire format."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def take(self, count: int) -> bytes:
        if count > len(self._body):
            raise SignatureInvalid("The signature is cut off.")
        taken, self._body = self._body[:count], self._body[count:]
        return taken

    def string(self) -> bytes:
        return self.take(int.from_bytes(self.take(4), "big"))

    def text(self) -> str:
        return self.string().decode("ascii", errors="replace")

    def rest(self) -> bytes:
        return self.take(len(self._body))

    def end(self) -> None:
        if self._body:
            raise SignatureInvalid("The signature holds more than a signature.")


def parse_signature(armored: str) -> Signature:
    """Raises SignatureInvalid."""
    lines = [line.strip() for line in armored.strip().splitlines()]
    if len(lines) < 3 or (lines[0], lines[-1]) != (_BEGIN, _END):
        raise SignatureInvalid("This is no SSH signature.")
    try:
        fields = _Fields(base64.b64decode("".join(lines[1:-1]), validate=True))
    except binascii.Error:
        raise SignatureInvalid("The signature is damaged: it isn't base64.") from None
    if fields.take(6) != _MAGIC or fields.take(4) != b"\0\0\0\1":
        raise SignatureInvalid("This is no SSH signature of version 1.")
    raw_key, namespace, _reserved, hash_name = fields.string(), fields.text(), fields.string(), fields.text()
    body = _Fields(fields.string())
    fields.end()
    if hash_name not in {"sha256", "sha512"}:
        raise SignatureInvalid(f"The signature uses the hash {hash_name!r}.")
    return Signature(_key(raw_key), namespace, hash_name, body.text(), body.string(), raw_key, body.rest())


def _key(raw: bytes) -> PublicKey:
    kind = _Fields(raw).text()
    try:
        return parse_public_key(f"{kind} {base64.b64encode(raw).decode()}")
    except UsageError as err:
        raise SignatureInvalid(f"The signature's key can't be used: {err.message}") from None


def verify(message: bytes, armored: str, signers: Iterable[Signer], at: datetime) -> Signer:
    """The identity whose key signed `message`, valid at `at`. Raises SignatureInvalid saying what is wrong."""
    signature = parse_signature(armored)
    if signature.namespace != NAMESPACE:
        raise SignatureInvalid(f"The signature is for the namespace {signature.namespace!r}, not {NAMESPACE!r}.")
    if signature.key.weakness:
        raise SignatureInvalid(f"The key {signature.key.fingerprint} {signature.key.weakness}.")
    if not _is_genuine(signature, message):
        raise SignatureInvalid("The signature doesn't belong to this statement.")
    # By all of its numbers: what is checked above is the key that came with the signature.
    signer = next((one for one in signers if one.key.exact == signature.key.exact), None)
    if signer is None:
        raise SignatureInvalid(f"The key {signature.key.fingerprint} is nobody's.", "Type `invoke identity-list`.")
    if not signer.valid_at(at):
        raise SignatureInvalid(f"The key {signature.key.fingerprint} of {signer.name} isn't valid at {at.isoformat()}.")
    return signer


def _is_genuine(signature: Signature, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    try:
        key = load_ssh_public_key(f"{signature.key.type} {signature.key.blob}".encode())
        data = _as_hardware_signed(signature, message)
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature.value, data)
        elif isinstance(key, RSAPublicKey):
            _verify_rsa(key, signature, data)
        elif isinstance(key, EllipticCurvePublicKey):
            _verify_ecdsa(key, signature, data)
        else:
            raise SignatureInvalid(f"The lab doesn't know keys of type {signature.key.type}.")
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _as_hardware_signed(signature: Signature, message: bytes) -> bytes:
    """What the key signed: a hardware key signs hashes, its flags and a counter in place of the message."""
    data = signature.signed(message)
    kind = signature.key.type
    expected = ("rsa-sha2-256", "rsa-sha2-512") if kind == "ssh-rsa" else (kind,)
    if signature.format not in expected:
        raise SignatureInvalid(f"A key of type {kind} made no signature of type {signature.format!r}.")
    if not kind.startswith("sk-"):
        _Fields(signature.trailer).end()
        return data
    if len(signature.trailer) != 5 or not signature.trailer[0] & _USER_PRESENT:
        raise SignatureInvalid("The hardware key signed without anybody's touch.")
    fields = _Fields(signature.raw_key)
    strings = [fields.string() for _ in range(3 if kind.startswith("sk-ssh-ed25519") else 4)]
    return hashlib.sha256(strings[-1]).digest() + signature.trailer + hashlib.sha256(data).digest()


def _verify_rsa(key: Any, signature: Signature, data: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256, SHA512

    algorithm = SHA256() if signature.format == "rsa-sha2-256" else SHA512()
    key.verify(signature.value.rjust(key.key_size // 8, b"\0"), data, PKCS1v15(), algorithm)


def _verify_ecdsa(key: Any, signature: Signature, data: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

    hashes: dict[int, HashAlgorithm] = {256: SHA256(), 384: SHA384(), 521: SHA512()}
    numbers = _Fields(signature.value)
    r, s = (int.from_bytes(numbers.string(), "big", signed=True) for _ in range(2))
    numbers.end()
    key.verify(encode_dss_signature(r, s), data, ECDSA(hashes[key.key_size]))


def find_key(chosen: Path | None, home: Path) -> Path:
    """The key to sign with: `chosen`, or the first usual one below `home`. Raises SignatureInvalid."""
    if chosen is not None:
        return chosen.expanduser()
    for name in DEFAULT_KEYS:
        path = home / ".ssh" / name
        if path.exists() or public_path(path).exists():
            return path
    raise SignatureInvalid(
        f"There is no SSH key in {home / '.ssh'}.", "Give --key FILE, set SIGNING_KEY, or type `ssh-keygen -t ed25519`."
    )


def public_path(key: Path) -> Path:
    """The file of the public half; a key that only an agent or a token holds is given as that file itself."""
    return key if key.suffix == ".pub" else key.with_name(f"{key.name}.pub")


def read_public_key(key: Path) -> PublicKey:
    """The public half of the key at `key`. Raises SignatureInvalid or UsageError."""
    path = public_path(key)
    try:
        return parse_public_key(path.read_text())
    except (OSError, UnicodeDecodeError) as err:
        why = err.strerror if isinstance(err, OSError) else "not text"
        # A private key alone can have its public half made.
        half = key != path and key.is_file() and not path.exists() and b"PRIVATE KEY" in key.read_bytes()[:100]
        make = f", or type `ssh-keygen -y -f {key} > {path}`" if half else ""
        remedy = f"Give the file of an SSH key, as ~/.ssh/id_ed25519{make}."
        raise SignatureInvalid(f"Can't read the public key {path}: {why}.", remedy) from None


def refuse_unfit(key: PublicKey) -> None:
    """Raises UsageError for a key whose signatures could never count, or that isn't written as keys are."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    problem = key.weakness or ("" if key.is_exact else "holds numbers with zeros in front, as no program writes them")
    try:
        load_ssh_public_key(f"{key.type} {key.blob}".encode())
    except (ValueError, UnsupportedAlgorithm):
        problem = problem or "is no point of its curve"
    if problem:
        raise UsageError(f"The key {key.fingerprint} {problem}.", "Make a key with `ssh-keygen -t ed25519`.")


def sign(message: bytes, key: Path, deadline_s: float = SIGN_DEADLINE_S) -> str:
    """An armored signature by `key`, which may lie in an agent or on a token. Raises SignatureInvalid."""
    # A private key that isn't on disk is the agent's: ssh-keygen finds it there by its public half.
    path = key if key.exists() else public_path(key)
    argv = named(["ssh-keygen", "-Y", "sign", "-f", str(path), "-n", NAMESPACE])
    if not shutil.which("ssh-keygen"):
        raise SignatureInvalid("ssh-keygen isn't installed.", "Install OpenSSH's client.")
    try:
        done = subprocess.run(
            argv, env=passed_on(AGENT), input=message, capture_output=True, timeout=deadline_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise SignatureInvalid(
            f"ssh-keygen made no signature in {deadline_s:.0f} s.",
            "Try again, and type the passphrase or touch the token when it asks.",
        ) from None
    if done.returncode:
        why = " ".join(done.stderr.decode(errors="replace").replace("Signing data on standard input", "").split())
        raise SignatureInvalid(
            f"ssh-keygen didn't sign with {path}: {why or 'no reason given'}.",
            "Unlock the key or plug in its token, or name another one.",
        )
    return done.stdout.decode()
