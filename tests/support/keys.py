"""Real SSH keys, and stock ssh-keygen as the second opinion."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from lab.core.account import named
from lab.core.signers import NAMESPACE, Signer


def make_key(folder: Path, kind: str, name: str = "", passphrase: str = "") -> Path:
    """A key of a kind like `ed25519` or `ecdsa-384`, its public half beside it."""
    path = folder / (name or kind)
    family, _, bits = kind.partition("-")
    size = ["-b", bits or "2048"] if family == "rsa" or bits else []
    argv = ["ssh-keygen", "-q", "-t", family, *size, "-N", passphrase, "-C", "", "-f", str(path)]
    subprocess.run(named(argv), check=True, capture_output=True)
    return path


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
