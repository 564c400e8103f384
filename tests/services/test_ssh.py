import base64
import hashlib
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lab.base.account import named
from lab.base.errors import SignatureInvalid, UsageError
from lab.governance.rules.policy import Role
from lab.governance.rules.signers import NAMESPACE, Signer, make_line, parse_line
from lab.governance.rules.ssh_keys import PublicKey, parse_public_key
from lab.services import ssh
from tests.support.keys import make_key, stock_verify

MESSAGE = '{"action":"approve","reason":"größer","version":"1"}'.encode()
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KINDS = ("ed25519", "ecdsa", "ecdsa-384", "ecdsa-521", "rsa")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("keys")
    return {kind: make_key(folder, kind) for kind in KINDS}


def signer(key: Path, name: str = "alice@example.com", valid_before: str = "") -> Signer:
    return parse_line(make_line(name, [Role.RISK_OFFICER], ssh.read_public_key(key), valid_before))


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_verifies_here_and_with_stock_ssh_keygen(keys: dict[str, Path], kind: str, tmp_path: Path) -> None:
    known = signer(keys[kind])
    armored = ssh.sign(MESSAGE, keys[kind])
    assert ssh.verify(MESSAGE, armored, [known], NOW) == known
    assert stock_verify(tmp_path, MESSAGE, armored, [known], "alice@example.com")
    assert stock_verify(tmp_path, MESSAGE, armored, [known], "role=risk-officer")
    assert not stock_verify(tmp_path, MESSAGE, armored, [known], "role=platform-admin")


@pytest.mark.parametrize("kind", KINDS)
def test_an_altered_statement_is_refused_as_stock_ssh_keygen_does(
    keys: dict[str, Path], kind: str, tmp_path: Path
) -> None:
    known = signer(keys[kind])
    armored = ssh.sign(MESSAGE, keys[kind])
    altered = MESSAGE.replace(b'"1"', b'"2"')
    with pytest.raises(SignatureInvalid, match="doesn't belong to this statement"):
        ssh.verify(altered, armored, [known], NOW)
    assert not stock_verify(tmp_path, altered, armored, [known], "alice@example.com")


def test_sha256_signatures_verify_too(keys: dict[str, Path]) -> None:
    argv = named(["ssh-keygen", "-Y", "sign", "-f", str(keys["rsa"]), "-n", NAMESPACE, "-O", "hashalg=sha256"])
    armored = subprocess.run(argv, input=MESSAGE, capture_output=True, check=True).stdout.decode()
    assert ssh.parse_signature(armored).hash_name == "sha256"
    assert ssh.verify(MESSAGE, armored, [signer(keys["rsa"])], NOW).name == "alice@example.com"


def test_every_changed_byte_of_a_signature_is_noticed(keys: dict[str, Path]) -> None:
    known, armored = signer(keys["ed25519"]), ssh.sign(MESSAGE, keys["ed25519"])
    raw = base64.b64decode("".join(armored.splitlines()[1:-1]))
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises(SignatureInvalid):
            ssh.verify(MESSAGE, armor(changed), [known], NOW)


@pytest.mark.parametrize("length", [0, 5, 6, 10, 40, 100, -1])
def test_a_cut_signature_is_refused(keys: dict[str, Path], length: int) -> None:
    armored = ssh.sign(MESSAGE, keys["ed25519"])
    raw = base64.b64decode("".join(armored.splitlines()[1:-1]))
    with pytest.raises(SignatureInvalid):
        ssh.parse_signature(armor(raw[:length]))


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN SSH SIGNATURE-----\n!\n-----END SSH SIGNATURE-----"])
def test_what_is_no_signature_is_refused(text: str) -> None:
    with pytest.raises(SignatureInvalid):
        ssh.parse_signature(text)


def test_an_unknown_key_is_refused_by_its_fingerprint(keys: dict[str, Path]) -> None:
    armored = ssh.sign(MESSAGE, keys["ecdsa"])
    fingerprint = ssh.read_public_key(keys["ecdsa"]).fingerprint
    with pytest.raises(SignatureInvalid, match=f"{re.escape(fingerprint)}.*nobody's"):
        ssh.verify(MESSAGE, armored, [signer(keys["ed25519"])], NOW)
    listed = subprocess.run(
        named(["ssh-keygen", "-l", "-f", f"{keys['ecdsa']}.pub"]), capture_output=True, text=True, check=True
    )
    assert fingerprint in listed.stdout


def test_another_namespace_is_refused(keys: dict[str, Path]) -> None:
    argv = named(["ssh-keygen", "-Y", "sign", "-f", str(keys["ed25519"]), "-n", "git"])
    armored = subprocess.run(argv, input=MESSAGE, capture_output=True, check=True).stdout.decode()
    with pytest.raises(SignatureInvalid, match="namespace 'git'"):
        ssh.verify(MESSAGE, armored, [signer(keys["ed25519"])], NOW)


def test_an_expired_key_is_refused_as_stock_ssh_keygen_does(keys: dict[str, Path], tmp_path: Path) -> None:
    armored = ssh.sign(MESSAGE, keys["ed25519"])
    until = signer(keys["ed25519"], valid_before="20261124")
    assert ssh.verify(MESSAGE, armored, [until], NOW) == until
    assert stock_verify(tmp_path, MESSAGE, armored, [until], "alice@example.com", at="20261123120000Z")
    late = datetime(2026, 11, 24, 0, 0, 1, tzinfo=UTC)
    with pytest.raises(SignatureInvalid, match="isn't valid at 2026-11-24"):
        ssh.verify(MESSAGE, armored, [until], late)
    assert not stock_verify(tmp_path, MESSAGE, armored, [until], "alice@example.com", at="20261124000001Z")


def test_a_short_rsa_key_is_refused(tmp_path: Path) -> None:
    key = make_key(tmp_path, "rsa-1024")
    with pytest.raises(SignatureInvalid, match="1024 bits"):
        ssh.verify(MESSAGE, ssh.sign(MESSAGE, key), [signer(key)], NOW)


def test_a_hardware_keys_signature_verifies_here_and_with_stock_ssh_keygen(tmp_path: Path) -> None:
    known, armored = hardware_signature(flags=0x01)
    assert ssh.verify(MESSAGE, armored, [known], NOW) == known
    assert stock_verify(tmp_path, MESSAGE, armored, [known], "alice@example.com")


def test_a_hardware_key_that_nobody_touched_is_refused() -> None:
    known, armored = hardware_signature(flags=0x00)
    with pytest.raises(SignatureInvalid, match="touch"):
        ssh.verify(MESSAGE, armored, [known], NOW)


def hardware_signature(flags: int) -> tuple[Signer, str]:
    """What a security key makes by PROTOCOL.u2f, made in software."""
    private = Ed25519PrivateKey.generate()
    kind, application = b"sk-ssh-ed25519@openssh.com", b"ssh:"
    point = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    blob = b"".join(map(ssh.pack, (kind, point, application)))
    fields = (NAMESPACE.encode(), b"", b"sha512", hashlib.sha512(MESSAGE).digest())
    data = b"SSHSIG" + b"".join(map(ssh.pack, fields))
    trailer = bytes([flags]) + (7).to_bytes(4, "big")
    value = private.sign(hashlib.sha256(application).digest() + trailer + hashlib.sha256(data).digest())
    body = ssh.pack(kind) + ssh.pack(value) + trailer
    raw = b"SSHSIG\0\0\0\1" + b"".join(map(ssh.pack, (blob, *fields[:3], body)))
    key = PublicKey(kind.decode(), base64.b64encode(blob).decode())
    return parse_line(make_line("alice@example.com", [Role.RISK_OFFICER], key)), armor(raw)


def armor(raw: bytes) -> str:
    return f"-----BEGIN SSH SIGNATURE-----\n{base64.b64encode(raw).decode()}\n-----END SSH SIGNATURE-----\n"


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An ssh-agent of the test's own."""
    with subprocess.Popen(["ssh-agent", "-D"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        socket = process.stdout.readline().partition("=")[2].partition(";")[0]
        monkeypatch.setenv("SSH_AUTH_SOCK", socket)
        yield
        process.terminate()


@pytest.mark.usefixtures("agent")
def test_a_key_with_a_passphrase_signs_through_the_agent(tmp_path: Path) -> None:
    key = make_key(tmp_path, "ed25519")
    subprocess.run(["ssh-add", "-q", str(key)], check=True, capture_output=True)
    subprocess.run(
        named(["ssh-keygen", "-q", "-p", "-N", "correct horse", "-f", str(key)]), check=True, capture_output=True
    )
    armored = ssh.sign(MESSAGE, key)
    assert ssh.verify(MESSAGE, armored, [signer(key)], NOW)
    key.rename(tmp_path / "gone")
    assert ssh.verify(MESSAGE, ssh.sign(MESSAGE, key), [signer(key)], NOW)


def test_a_key_that_needs_a_passphrase_nobody_can_type_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSH_AUTH_SOCK", "DISPLAY", "SSH_ASKPASS"):
        monkeypatch.delenv(name, raising=False)
    key = make_key(tmp_path, "ed25519", passphrase="correct horse")
    with pytest.raises(SignatureInvalid, match="ssh-keygen didn't sign") as caught:
        ssh.sign(MESSAGE, key)
    assert "Unlock the key" in caught.value.remedy


def test_a_key_is_chosen_or_found_among_the_usual_ones(tmp_path: Path) -> None:
    with pytest.raises(SignatureInvalid, match="no SSH key"):
        ssh.find_key(None, tmp_path)
    (tmp_path / ".ssh").mkdir()
    rsa = (tmp_path / ".ssh" / "id_rsa").touch() or tmp_path / ".ssh" / "id_rsa"
    assert ssh.find_key(None, tmp_path) == rsa
    (tmp_path / ".ssh" / "id_ecdsa.pub").touch()
    assert ssh.find_key(None, tmp_path).name == "id_ecdsa"
    assert ssh.find_key(tmp_path / "mine", tmp_path) == tmp_path / "mine"


def test_a_missing_public_half_names_the_command_that_makes_it(tmp_path: Path) -> None:
    key = make_key(tmp_path, "ed25519", "key")
    key.with_name("key.pub").unlink()
    with pytest.raises(SignatureInvalid) as caught:
        ssh.read_public_key(key)
    assert f"ssh-keygen -y -f {key} > {key}.pub" in caught.value.remedy


@pytest.mark.parametrize("name", ["absent", "absent.pub", "tea.csv", "folder"])
def test_what_is_no_key_has_no_public_half_to_be_made(tmp_path: Path, name: str) -> None:
    (tmp_path / "tea.csv").write_text("leaf,price\n")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SignatureInvalid) as caught:
        ssh.read_public_key(tmp_path / name)
    assert caught.value.remedy == "Give the file of an SSH key, as ~/.ssh/id_ed25519."


@pytest.mark.parametrize(
    "text", ["", "ssh-ed25519", "ssh-dss AAAAB3NzaC1kc3M=", "ssh-ed25519 !!!", "ssh-ed25519 AAAAB3NzaC1kc3M="]
)
def test_what_is_no_usable_public_key_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_public_key(text)


def test_signing_without_ssh_keygen_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = make_key(tmp_path, "ed25519")
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    with pytest.raises(SignatureInvalid, match="isn't installed"):
        ssh.sign(MESSAGE, key)
