"""What a shell says of other accounts, servers and Pythons reaches no client of the lab."""

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from lab.base.account import AGENT, ENGINE, downloading, passed_on
from lab.base.errors import SignatureInvalid
from lab.base.source_code import code_version
from lab.services import ssh
from lab.services.postgres import connect
from lab.services.s3 import S3
from tests.support.keys import make_key
from tests.support.project import committed

AWS = {
    **dict.fromkeys(("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), "corp"),
    **dict.fromkeys(("AWS_CA_BUNDLE", "AWS_DATA_PATH", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"), "/no/such"),
    **dict.fromkeys(
        ("AWS_RETRY_MODE", "AWS_DEFAULTS_MODE", "AWS_MAX_ATTEMPTS", "AWS_REQUEST_CHECKSUM_CALCULATION"), "x"
    ),
    **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"), "other"),
    **dict.fromkeys(("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_CSM_ENABLED"), "true"),
    "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "x",
    "AWS_STS_REGIONAL_ENDPOINTS": "x",
}


@pytest.fixture
def endpoint() -> Iterator[tuple[str, list[bytes]]]:
    """A server that takes one request and refuses it, and what it was sent."""
    taken: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            link, _ = server.accept()
            with link:
                taken.append(link.recv(1 << 16))
                link.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", taken
        thread.join(10)


def test_the_store_is_asked_as_the_lab_says_whatever_profile_a_shell_has(
    endpoint: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[default]\nregion = mars\ns3 =\n  addressing_style = virtual\n")
    for name, value in (AWS | {"HOME": str(tmp_path)}).items():
        monkeypatch.setenv(name, value)
    url, taken = endpoint
    with pytest.raises(Exception, match="refused"):
        S3.connect(url, "reader", "secret", timeout_s=10).get("bucket", "key")

    assert taken[0].startswith(b"GET /bucket/key HTTP/1.1")
    assert b"Credential=reader/" in taken[0]
    assert b"/us-east-1/s3/" in taken[0]
    assert b"x-amz-security-token" not in taken[0].lower()


PG = {
    "PGHOSTADDR": "192.0.2.1",
    "PGSERVICE": "corp",
    "PGSSLMODE": "require",
    "PGREQUIREAUTH": "gss",
    "PGCHANNELBINDING": "require",
    "PGOPTIONS": "-c nonsense=1",
    "PGPASSWORD": "other",
    "PGTARGETSESSIONATTRS": "standby",
    "PGGSSENCMODE": "require",
}


def test_postgres_is_asked_as_the_lab_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PG.items():
        monkeypatch.setenv(name, value)
    taken: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            link, _ = server.accept()
            with link:
                taken.append(link.recv(1 << 16))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(psycopg2.OperationalError):
            connect("127.0.0.1", server.getsockname()[1], "mlflow", "mlflow", "x", connect_timeout=10)
        thread.join(10)

    # The first packet is the start of a session in plain text, not the question for TLS or GSS.
    assert taken[0][4:8] == b"\x00\x03\x00\x00"
    assert b"user\x00mlflow\x00" in taken[0]
    assert b"nonsense" not in taken[0]


def test_a_key_signs_whatever_the_linker_and_pythons_of_a_shell_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key(tmp_path, "ed25519")
    spy = tmp_path / "ssh-keygen"
    spy.write_text(f"#!/bin/sh\nenv > {tmp_path}/seen\nexit 1\n")
    spy.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/the/agent")
    for name in ("LD_PRELOAD_NOT", "PYTHONPATH", "AWS_PROFILE", "OPENSSL_CONF"):
        monkeypatch.setenv(name, "/from/the/shell")
    with pytest.raises(SignatureInvalid):
        ssh.sign(b"x", key)

    seen = (tmp_path / "seen").read_text()
    assert "SSH_AUTH_SOCK=/the/agent" in seen
    assert "/from/the/shell" not in seen


def test_only_what_is_named_is_passed_on() -> None:
    shell = {"PATH": "/bin", "LC_TIME": "C", "DOCKER_HOST": "unix:///x", "DOCKER_DEFAULT_PLATFORM": "linux/arm64"}
    shell |= {"COMPOSE_PROJECT_NAME": "x", "SSH_AUTH_SOCK": "/a", "LD_LIBRARY_PATH": "/l"}
    assert set(passed_on(ENGINE, shell)) == {"PATH", "LC_TIME", "DOCKER_HOST", "SSH_AUTH_SOCK"}
    assert set(passed_on(AGENT, shell)) == {"PATH", "LC_TIME", "SSH_AUTH_SOCK"}


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_the_commit_is_known_in_a_folder_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = committed(tmp_path / "project")
    known = code_version(root)
    assert known.startswith("git:")
    subprocess.run(["chown", "-R", "12345:12345", str(root)], check=True)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_CONFIG_GLOBAL", "HOME"):
        monkeypatch.setenv(name, "/from/the/shell")
    assert code_version(root) == known


NETWORK = (
    *("http_proxy", "HTTPS_PROXY", "no_proxy", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("CURL_CA_BUNDLE", "NETRC", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"),
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_TRUSTED_HOST", "PIP_CERT", "PIP_CONFIG_FILE"),
    *("UV_DEFAULT_INDEX", "UV_INDEX_CORP_PASSWORD", "UV_CACHE_DIR", "UV_NATIVE_TLS", "UV_HTTP_TIMEOUT", "UV_PYTHON"),
)
SHELL = (
    *("AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_URI", "PGPASSWORD", "LD_PRELOAD", "PYTHONPATH", "VIRTUAL_ENV"),
    *("APT_CONFIG", "TAR_OPTIONS", "SOURCE_DATE_EPOCH", "DOCKER_DEFAULT_PLATFORM", "COMPOSE_FILE", "MY_proxy_x"),
    *("PIP_TARGET", "PIP_USER", "PIP_PLATFORM", "PIP_NO_BINARY", "PIP_DEST", "UV_PROJECT", "UV_FROZEN", "UV_NO_DEV"),
)


def test_a_download_gets_the_way_to_the_network_and_nothing_else() -> None:
    shell = dict.fromkeys((*NETWORK, *SHELL, "PATH", "HOME"), "x")
    assert set(downloading(shell)) == {"PATH", "HOME", *NETWORK}
