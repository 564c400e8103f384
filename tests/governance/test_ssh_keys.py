"""SSH keys are compared by their numbers, and one that proves nothing is told from one that does."""

from pathlib import Path

import pytest

from lab.base.errors import SignatureInvalid, UsageError
from lab.governance.rules.ssh_keys import PublicKey, parse_public_key
from lab.services import ssh
from tests.support.keys import fields_of, key_of, make_key, public_text, rewritten

P = 2**255 - 19
ODD = (1 << 2047) + 1


def number(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def rsa(exponent: int, modulus: int) -> PublicKey:
    return parsed(key_of(b"ssh-rsa", number(exponent), number(modulus)))


def ed25519(y: int, sign: int = 0) -> PublicKey:
    return parsed(key_of(b"ssh-ed25519", (y | sign << 255).to_bytes(32, "little")))


def parsed(key: PublicKey) -> PublicKey:
    return parse_public_key(public_text(key))


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa-256", "ecdsa-384", "ecdsa-521", "rsa-2048", "rsa-3072"])
def test_what_ssh_keygen_makes_is_exact_and_strong(kind: str, tmp_path: Path) -> None:
    key = ssh.read_public_key(make_key(tmp_path, kind))
    assert (key.is_exact, key.weakness) == (True, "")
    assert key == parsed(key)
    assert key != ssh.read_public_key(make_key(tmp_path, kind, "other"))
    ssh.refuse_unfit(key)


def test_one_rsa_key_in_other_texts_is_one_key(tmp_path: Path) -> None:
    key = ssh.read_public_key(make_key(tmp_path, "rsa"))
    for other in (rewritten(key, zeros=1), rewritten(key, zeros=7), rewritten(key, exponent=3)):
        assert parsed(other) == key
        assert hash(parsed(other)) == hash(key)
    assert not parsed(rewritten(key, zeros=1)).is_exact
    with pytest.raises(UsageError, match="zeros in front"):
        ssh.refuse_unfit(rewritten(key, zeros=1))


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa-256"])
def test_the_same_point_is_the_same_key_on_a_token_or_not(kind: str, tmp_path: Path) -> None:
    plain = ssh.read_public_key(make_key(tmp_path, kind))
    name, *numbers = fields_of(plain)
    tokens = [parsed(key_of(b"sk-" + name + b"@openssh.com", *numbers, app)) for app in (b"ssh:", b"ssh:other")]
    assert tokens[0] == tokens[1] == plain
    assert tokens[0].exact != tokens[1].exact


def test_another_exponent_of_a_known_key_signs_for_nobody(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from lab.governance.rules.policy import Role
    from lab.governance.rules.signers import make_line, parse_line

    path = make_key(tmp_path, "rsa")
    known = parse_line(make_line("olga", [Role.RISK_OFFICER], rewritten(ssh.read_public_key(path), exponent=3)))
    with pytest.raises(SignatureInvalid, match="is nobody's"):
        ssh.verify(b"words", ssh.sign(b"words", path), [known], datetime.now(UTC))


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (rsa(65537, ODD >> 1), "has 2047 bits"),
        (rsa(65537, (1 << 16384) + 1), "has 16385 bits"),
        (rsa(65537, ODD + 1), "even modulus"),
        (rsa(1, ODD), "exponent 0x1,"),
        (rsa(4, ODD), "exponent 0x4,"),
        (rsa((1 << 64) + 1, ODD), "exponent"),
        *((ed25519(y, sign), "anybody can make signatures") for y in (0, 1, P - 1, P, P + 1) for sign in (0, 1)),
        (ed25519(0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826), "anybody can make signatures"),
        (ed25519(2), "no point of its curve"),
        (ed25519(P + 3), "no point of its curve"),
    ],
)
def test_a_key_that_proves_nothing_says_why(key: PublicKey, problem: str) -> None:
    assert problem in key.weakness
    with pytest.raises(UsageError, match=problem):
        ssh.refuse_unfit(key)


def test_a_point_beside_its_curve_is_refused(tmp_path: Path) -> None:
    kind, curve, point = fields_of(ssh.read_public_key(make_key(tmp_path, "ecdsa-256")))
    with pytest.raises(UsageError, match="no point of its curve"):
        ssh.refuse_unfit(parsed(key_of(kind, curve, point[:-1] + bytes([point[-1] ^ 1]))))


@pytest.mark.parametrize(
    "fields",
    [
        (b"ssh-ed25519", bytes(31)),
        (b"ssh-ed25519", bytes(32), b"more"),
        (b"ssh-ed25519",),
        (b"ssh-rsa", b"\3", b"\xff" * 256),
        (b"ssh-rsa", b"", b"\1"),
        (b"ecdsa-sha2-nistp256", b"nistp384", b"\4" + bytes(96)),
        (b"ecdsa-sha2-nistp256", b"nistp256", b"\2" + bytes(32)),
        (b"ecdsa-sha2-nistp256", b"nistp256", b"\4" + bytes(63)),
        (b"ecdsa-sha2-nistp256", b"\xff", b"\4" + bytes(64)),
        (b"sk-ssh-ed25519@openssh.com", bytes(32)),
    ],
)
def test_numbers_of_another_kind_are_no_key(fields: tuple[bytes, ...]) -> None:
    with pytest.raises(UsageError, match="is damaged"):
        parsed(key_of(*fields))


def test_a_text_that_is_cut_off_is_no_key() -> None:
    with pytest.raises(UsageError, match="is damaged"):
        parse_public_key("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==")
