"""SSH public keys by what they are: two texts may hold one key, and a text may hold a key that proves nothing.

The formats are those of RFC 4253, 5656 and 8709, and of OpenSSH's PROTOCOL.u2f.
"""

import base64
import binascii
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from lab.base.errors import UsageError

KEY_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 16384
_MAX_EXPONENT_BITS = 64
_COPY_IT = "Copy the whole line of the .pub file again."
# Bytes of a coordinate by curve.
_CURVES = {"nistp256": 32, "nistp384": 48, "nistp521": 66}
_ED25519_P = 2**255 - 19
_ED25519_D = -121665 * pow(121666, -1, _ED25519_P) % _ED25519_P
_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
# Whose multiples are eight points at most, so that anybody can make a signature that fits.
_SMALL_ORDER = frozenset({0, 1, _ED25519_P - 1, _ORDER_8, _ED25519_P - _ORDER_8})


@dataclass(frozen=True, eq=False)
class PublicKey:
    """An SSH public key; `blob` is its base64 text. Keys are equal when their public numbers are, whatever their text,
    their RSA exponent, and whether a hardware token is said to hold them: one secret signs for all of them.
    """

    type: str
    blob: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self._numbers.identity == other._numbers.identity

    def __hash__(self) -> int:
        return hash(self._numbers.identity)

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` shows it."""
        digest = sha256(base64.b64decode(self.blob)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    @property
    def exact(self) -> bytes:
        """The one encoding of this key, by which a signature's key is compared with that of an identity."""
        return self._numbers.exact

    @property
    def is_exact(self) -> bool:
        """Whether its text is that encoding, as every program that makes keys writes it."""
        return base64.b64decode(self.blob) == self.exact

    @property
    def weakness(self) -> str:
        """Why a signature by this key proves nothing, to follow `the key`; empty when it does."""
        return self._numbers.weakness

    @property
    def _numbers(self) -> "_Numbers":
        return _read(base64.b64decode(self.blob))


@dataclass(frozen=True)
class _Numbers:
    identity: tuple[str, int]
    exact: bytes
    weakness: str = ""


def parse_public_key(text: str) -> PublicKey:
    """The key in the text of a `.pub` file. Raises UsageError."""
    words = text.split()
    if len(words) < 2 or words[0] not in KEY_TYPES:
        raise UsageError("This is no SSH public key that the lab can use.", f"Use one of: {', '.join(KEY_TYPES)}.")
    try:
        raw = base64.b64decode(words[1], validate=True)
    except binascii.Error:
        raise UsageError("The SSH public key is damaged: it isn't base64.", _COPY_IT) from None
    length = int.from_bytes(raw[:4], "big")
    if raw[4 : 4 + length].decode("ascii", errors="replace") != words[0]:
        raise UsageError(f"The SSH public key is damaged: it says {words[0]} and holds something else.", _COPY_IT)
    _read(raw)
    return PublicKey(words[0], base64.b64encode(raw).decode())


@lru_cache(maxsize=1024)
def _read(raw: bytes) -> _Numbers:
    fields = _fields(raw)
    kind = fields[0].decode("ascii", errors="replace")
    application = fields[-1:] if kind.startswith("sk-") else []
    plain = fields[1:-1] if application else fields[1:]
    try:
        if kind == "ssh-rsa":
            exponent, modulus = (_positive(field) for field in plain)
            exact = [fields[0], _minimal(exponent), _minimal(modulus)]
            return _Numbers(("rsa", modulus), _packed(exact), _rsa_weakness(exponent, modulus))
        if "ed25519" in kind:
            (point,) = plain
            return _Numbers(("ed25519", _sized(point, 32)), _packed(fields), _ed25519_weakness(point))
        curve, point = plain
        size = _CURVES[curve.decode("ascii", errors="replace")]
        if curve.decode() not in kind or point[:1] != b"\x04":
            raise ValueError
        return _Numbers((curve.decode(), _sized(point, 1 + 2 * size)), _packed(fields))
    except (ValueError, KeyError):
        raise UsageError(
            f"The SSH public key is damaged: it holds no numbers of a key of type {kind}.", _COPY_IT
        ) from None


def _fields(raw: bytes) -> list[bytes]:
    found, place = [], 0
    while place < len(raw):
        end = place + 4 + int.from_bytes(raw[place : place + 4], "big")
        if place + 4 > len(raw) or end > len(raw):
            raise UsageError("The SSH public key is damaged: it is cut off.", _COPY_IT)
        found.append(raw[place + 4 : end])
        place = end
    return found


def _packed(fields: list[bytes]) -> bytes:
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def _positive(field: bytes) -> int:
    number = int.from_bytes(field, "big", signed=True)
    if number <= 0:
        raise ValueError
    return number


def _minimal(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _sized(field: bytes, size: int) -> int:
    if len(field) != size:
        raise ValueError
    return int.from_bytes(field, "big")


def _rsa_weakness(exponent: int, modulus: int) -> str:
    bits = modulus.bit_length()
    if bits < MIN_RSA_BITS:
        return f"has {bits} bits, and {MIN_RSA_BITS} are the least"
    if bits > MAX_RSA_BITS:
        return f"has {bits} bits, and {MAX_RSA_BITS} are the most"
    if modulus % 2 == 0:
        return "has an even modulus"
    if exponent < 3 or exponent % 2 == 0 or exponent.bit_length() > _MAX_EXPONENT_BITS:
        return f"has the exponent {exponent:#x}, which is no odd number from 3 to 2^{_MAX_EXPONENT_BITS}"
    return ""


def _ed25519_weakness(point: bytes) -> str:
    """`point` is y in 255 bits, little-endian, and one bit for the sign of x: x² = (y² - 1) / (d·y² + 1)."""
    y = int.from_bytes(point, "little") & (2**255 - 1)
    if y % _ED25519_P in _SMALL_ORDER:
        return "is a point for which anybody can make signatures"
    squared = (y * y - 1) * pow(_ED25519_D * y * y + 1, -1, _ED25519_P) % _ED25519_P
    if y >= _ED25519_P or pow(squared, (_ED25519_P - 1) // 2, _ED25519_P) != 1:
        return "is no point of its curve"
    return ""
