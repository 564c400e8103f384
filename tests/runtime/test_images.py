"""Names, pins and sources of images, and the file of a bundle: everything about images that needs no engine."""

import dataclasses
import io
import json
import re
import subprocess
import sys
import tarfile
import threading
import tomllib
import zipfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from lab import wiring
from lab.base.errors import LabError, UsageError
from lab.config import LabConfig
from lab.operations.lab_images import pin
from lab.runtime.images import (
    builder_process,
    bundle,
    bundle_file,
    debian_base,
    image_names,
    official,
    pinned_versions,
    wheels,
)
from lab.runtime.native.command_lines import OWNED_BY
from lab.runtime.native.orphan_processes import owned
from tests.support.lab import ROOT
from tests.support.waiting import eventually

TAG = "bundle-0123456789abcdef"


@pytest.fixture
def config(tmp_path: Path) -> LabConfig:
    return wiring.load_config(
        {"LAB_NAME": "here", "LAB_HOME": str(tmp_path / "home"), "LAB_ENV_FILE": str(tmp_path / "env")}
    )


# --- which images ---


def test_official_images_are_pinned_to_a_version() -> None:
    pins = image_names.read(image_names.pins_file(ROOT))

    assert set(image_names.STAND_INS.values()) | {"PYTHON_IMAGE", "MINIO_IMAGE", "GRAFANA_IMAGE"} == set(pins)
    for name in pins.values():
        tag = name.partition("@")[0].rpartition(":")[2]
        assert re.search(r"\d+\.\d+|\d{4}-\d\d-\d\d", tag), f"{name} has no version"


def test_both_runtimes_run_the_same_versions() -> None:
    assert list(pinned_versions.drift(ROOT)) == []


@pytest.mark.parametrize(
    "variable", ["POSTGRES_IMAGE", "SEAWEEDFS_IMAGE", "PROMETHEUS_IMAGE", "ALERTMANAGER_IMAGE", "GRAFANA_IMAGE"]
)
@pytest.mark.parametrize("change", ["another", "gone"])
def test_a_version_that_only_one_runtime_has_is_named(tmp_path: Path, variable: str, change: str) -> None:
    (tmp_path / "stack").mkdir()
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    text = image_names.pins_file(ROOT).read_text()
    planted = re.sub(rf"(?m)^({variable}=\S+?:v?)\d[\d.]*\d", r"\g<1>9.9.9", text)
    assert planted != text
    if change == "gone":
        planted = re.sub(rf"(?m)^{variable}=.*\n", "", planted)
    image_names.pins_file(tmp_path).write_text(planted)

    (line,) = pinned_versions.drift(tmp_path)
    assert line.startswith(f"{variable} is {'9.9.9' if change == 'another' else 'missing'} in stack/images.env")


def test_renewing_digests_leaves_the_last_release_of_what_has_no_other(
    config: LabConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    (root / "stack").mkdir(parents=True)
    image_names.pins_file(root).write_text("A_IMAGE=a/b:1.0\nMINIO_IMAGE=quay.io/m:last@sha256:kept\n")

    def pull(wanted: Sequence[str], _: object) -> dict[str, str]:
        assert list(wanted) == ["a/b:1.0"]
        return {"a/b:1.0": "sha256:new"}

    monkeypatch.setattr(official, "pull_digests", pull)
    pin(dataclasses.replace(config, root=root), lambda _: None)
    assert (
        image_names.pins_file(root).read_text()
        == "A_IMAGE=a/b:1.0@sha256:new\nMINIO_IMAGE=quay.io/m:last@sha256:kept\n"
    )


def test_dockerfiles_install_with_the_locked_uv() -> None:
    locked = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["airgap"]
    dockerfiles = [ROOT / "stack" / "images" / image / "Dockerfile" for image in image_names.OURS]

    assert {
        f"uv=={found}" for path in dockerfiles for found in re.findall(r"UV_VERSION=(\S+)", path.read_text())
    } == set(locked)


def test_the_packages_that_two_images_share_are_installed_by_the_same_lines() -> None:
    def stage(image: str, name: str) -> Sequence[str]:
        text = (ROOT / "stack" / "images" / image / "Dockerfile").read_text()
        return re.search(rf"^FROM uv AS {name}\n(.*?)^\s*$", text, re.MULTILINE | re.DOTALL)[1].splitlines()  # type: ignore[index]

    assert stage("mlflow", "packages") == stage("pipelines", "shared")


@pytest.mark.parametrize("path", sorted((ROOT / "stack").glob("*/*/Dockerfile")), ids=lambda path: path.parent.name)
def test_a_dockerfile_suits_every_builder_and_ends_as_another_user_than_root(path: Path) -> None:
    text = path.read_text()
    users = re.findall(r"^USER (\S+)", text, re.MULTILINE)

    assert "# syntax" not in text
    assert "<<" not in text
    assert "--mount" not in text
    assert not re.search(r"PASSWORD|SECRET|TOKEN", re.sub(r"_PASSWORD_FILE", "", text))
    if path.parent.name != image_names.BUILD:
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])


def test_only_what_images_are_made_from_is_sent_to_the_engine() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]

    assert lines[0] == "*"
    assert {line for line in lines if line.startswith("!")} == {
        "!pyproject.toml", "!uv.lock", "!lab", "!pipelines", "!exporters", "!stack/dagster", "!stack/governance",
    }  # fmt: skip


def test_an_air_gapped_build_replaces_the_official_images(config: LabConfig) -> None:
    image_names.write_override(config)
    found = image_names.images(config)

    assert found["POSTGRES_IMAGE"] == "mlops-lab/postgres:here"
    assert found["GRAFANA_IMAGE"] == image_names.read(image_names.pins_file(ROOT))["GRAFANA_IMAGE"]


def test_a_line_that_names_no_image_is_reported_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "images.env"
    path.write_text("# comment\n\nPOSTGRES_IMAGE=postgres:18.6\nPOSTGRES_IMAGE postgres\n")

    with pytest.raises(LabError, match=r"images\.env, line 4: 'POSTGRES_IMAGE postgres' is no NAME=value"):
        image_names.read(path)


def test_a_variable_that_is_there_twice_is_reported_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "images.env"
    path.write_text("POSTGRES_IMAGE=a\n\nPOSTGRES_IMAGE=b\n")
    with pytest.raises(LabError, match="line 3: POSTGRES_IMAGE is there twice"):
        image_names.read(path)


def test_digests_are_added_to_versions_and_renewed() -> None:
    text = "# why\nA_IMAGE=a/b:1.0\nC_IMAGE=c:2@sha256:old\nD_IMAGE=d:3@sha256:kept-out\n"
    found = {"a/b:1.0": "sha256:one", "c:2": "sha256:new"}

    assert image_names.pinned(text, found) == (
        "# why\nA_IMAGE=a/b:1.0@sha256:one\nC_IMAGE=c:2@sha256:new\nD_IMAGE=d:3\n"
    )


# --- the base, wheels, builders ---


def test_the_base_is_made_from_files_that_name_only_this_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian_base, "codename", lambda: "bookworm")
    listed = tmp_path / "sources.list.d"
    listed.mkdir()
    own = listed / "debian.sources"
    own.write_text("Types: deb\nURIs: http://m/debian\nSuites: bookworm bookworm-updates\nComponents: main\n")
    (listed / "other.sources").write_text("Types: deb\nSuites: nodistro\nComponents: main\n")
    (listed / "newer.list").write_text("deb [arch=amd64 signed-by=/k] http://m bookworm-pgdg main\n")
    security = listed / "security.list"
    security.write_text("# deb http://m sid main\ndeb [ arch=amd64 ] http://m bookworm-security main\n")
    (listed / "off.sources.disabled").write_text("Suites: bookworm\n")

    assert debian_base.sources(tmp_path) == [own, security]


def test_without_sources_of_this_release_the_error_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian_base, "codename", lambda: "bookworm")

    with pytest.raises(LabError, match=f"No file in {tmp_path} names package sources of bookworm"):
        debian_base.sources(tmp_path)


def test_elsewhere_than_on_debian_the_remedy_is_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(LabError) as caught:
        debian_base.codename(tmp_path / "os-release")

    assert "invoke build --bundle" in caught.value.remedy


def test_without_mmdebstrap_the_error_names_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(LabError, match="mmdebstrap is missing") as caught:
        debian_base.make_archive(tmp_path / "base.tar")

    assert "apt-get install mmdebstrap" in caught.value.remedy


def test_every_wheel_is_checked_against_a_hash() -> None:
    wanted = wheels.requirements(ROOT)
    lines = [line for line in wanted.splitlines() if "==" in line]

    names = {line.partition("==")[0] for line in lines}
    # From the first line of the list to the last.
    assert {"aiohttp", "anyio", "mlflow", "dagster", "uv", "zipp"} <= names
    assert len(re.findall(r"^\S+==.*\\\n    --hash=sha256:", wanted, re.MULTILINE)) == len(lines)


_PLACES = (
    "a/An_Other-1.0-py3-none-any.whl",
    "b/An_Other-1.0-cp311-cp311-linux_x86_64.whl",
    "c/two-2.0-py3-none-any.whl",
)
LOCK = "".join(
    f'\n    {{ url = "https://files.example.com/{place}", hash = "sha256:{place[0] * 64}", size = 1 }},'
    for place in (*_PLACES, "d/two-2.0.tar.gz")
)


def test_the_lock_file_makes_an_index_of_its_wheels(tmp_path: Path) -> None:
    wheels.write_index(LOCK, tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["an-other", "two"]
    listed = (tmp_path / "an-other" / "index.html").read_text()
    assert re.findall(r'href="([^"]+)"', listed) == [
        f"https://files.example.com/{place}#sha256={place[0] * 64}" for place in _PLACES[:2]
    ]
    assert "tar.gz" not in (tmp_path / "two" / "index.html").read_text()


def test_the_index_has_a_wheel_of_everything_that_images_install(tmp_path: Path) -> None:
    wheels.write_index((ROOT / "uv.lock").read_text(), tmp_path)

    names = re.findall(r"(?m)^([\w.-]+)==", wheels.requirements(ROOT))
    assert len(names) > 100
    assert not [name for name in names if not (tmp_path / name / "index.html").is_file()]


@pytest.mark.parametrize("answers", [True, False], ids=["the lock file's places", "this machine's index"])
def test_wheels_come_from_where_the_lock_file_has_them_else_from_the_index_of_this_machine(
    answers: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, asked = tmp_path / "uv.lock", []
    lock.write_text(LOCK)

    def pip(argv: list[str], *_: object) -> list[str]:
        asked.append(argv[argv.index("--index-url") + 1] if "--index-url" in argv else "")
        assert {"--require-hashes", "--no-deps"} <= set(argv)
        if asked[-1] and not answers:
            raise LabError("no route to host", "")
        (tmp_path / "wheels" / "two-2.0-py3-none-any.whl").touch()
        return []

    monkeypatch.setattr(wheels, "run", pip)

    assert wheels.collect("two==2.0", "3.11", tmp_path / "wheels", lock) == 1
    assert [one.partition(":")[0] for one in asked] == (["file"] if answers else ["file", ""])
    assert not list(tmp_path.glob("index-*"))


def test_whoever_ends_a_download_does_not_start_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "uv.lock").write_text(LOCK)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "pip"))
    (tmp_path / "pip").write_text(f"#!/bin/sh\necho asked >>{tmp_path}/asked\nkill -TERM $$\n")
    (tmp_path / "pip").chmod(0o755)

    with pytest.raises(builder_process.Ended):
        wheels.collect("two==2.0", "3.11", tmp_path / "wheels", tmp_path / "uv.lock")

    assert (tmp_path / "asked").read_text() == "asked\n"


def test_a_failing_builder_shows_its_last_lines_and_what_to_do() -> None:
    script = "echo step one; echo 'write /x: no space left on device' >&2; exit 3"

    with pytest.raises(LabError, match="Building x failed") as caught:
        builder_process.run(["sh", "-c", script], "Building x", 30)

    assert "| step one" in caught.value.message
    assert "docker system df" in caught.value.remedy


def test_a_builder_gets_engine_and_network_of_the_shell_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = ("DOCKER_HOST", "DOCKER_BUILDKIT", "https_proxy", "PIP_INDEX_URL", "UV_INDEX_URL", "SSL_CERT_FILE")
    dropped = ("PIP_TARGET", "UV_PROJECT", "AWS_SECRET_ACCESS_KEY", "DOCKER_DEFAULT_PLATFORM", "APT_CONFIG", "PGUSER")
    for name in (*kept, *dropped):
        monkeypatch.setenv(name, "from-the-shell")

    said = builder_process.run(["env"], "Building x", 30, variables={"BUILDKIT_PROGRESS": "plain"})

    given = {name for name, _, value in (line.partition("=") for line in said) if value == "from-the-shell"}
    assert given == set(kept)
    assert "BUILDKIT_PROGRESS=plain" in said


def test_a_builder_that_hangs_is_ended_with_all_its_children(tmp_path: Path) -> None:
    variables = {OWNED_BY: str(tmp_path)}

    with pytest.raises(LabError, match=r"Building x took more than 3 s"):
        builder_process.run(["sh", "-c", "sleep 600 & wait"], "Building x", 3, variables=variables)

    eventually(lambda: not list(owned(tmp_path)), 30, "the end of the builder's child")


def test_builders_at_work_can_be_ended_at_once(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    with ThreadPoolExecutor() as pool:
        builds = [
            pool.submit(builder_process.run, ["sh", "-c", f"echo >> {begun}; sleep 600"], "Building x", 300)
            for _ in "ab"
        ]
        eventually(lambda: begun.exists() and len(begun.read_text()) == 2, 60, "two builders at work")
        builder_process.end_all()
        failures = [build.exception(timeout=60) for build in builds]

    assert [type(failure) for failure in failures] == [builder_process.Ended] * 2


def test_a_builder_that_just_starts_is_ended_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    started, ending = threading.Event(), threading.Event()
    popen = subprocess.Popen

    def slow(*args: Any, **kwargs: Any) -> "subprocess.Popen[str]":
        made = popen(*args, **kwargs)
        started.set()
        ending.wait(1)
        return made

    monkeypatch.setattr(subprocess, "Popen", slow)
    with ThreadPoolExecutor() as pool:
        build = pool.submit(builder_process.run, ["sleep", "90"], "Building x", 60)
        assert started.wait(60)
        builder_process.end_all()
        ending.set()
        failure = build.exception(timeout=90)

    assert "Building x failed" in str(failure)


# --- the file of a bundle ---


def archive(tags: Iterable[str], extra: dict[str, bytes] | None = None) -> bytes:
    """As `docker save` writes one."""
    manifest = json.dumps([{"Config": "x.json", "RepoTags": [tag], "Layers": []} for tag in tags]).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, body in {"layer.tar": bytes(100_000), "manifest.json": manifest, **(extra or {})}.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return packed.getvalue()


IMAGES = ("base", "mlflow")
# What newer engines write, and read before Docker's own manifest.
INDEX = b'{"manifests": [{"annotations": {"io.containerd.image.name": "docker.io/library/x:1"}}]}'
GOOD = archive(f"mlops-lab/{image}:{TAG}" for image in IMAGES)
MANIFEST = bundle_file.Manifest(
    bundle_file.FORMAT, "2026-01-01T00:00:00+00:00", "x86_64", TAG, IMAGES, sha256(GOOD).hexdigest()
)


def packed(path: Path, body: bytes = GOOD, manifest: object = MANIFEST, **more: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("images.tar", body)
        told = dataclasses.asdict(manifest) if isinstance(manifest, bundle_file.Manifest) else manifest
        file.writestr("bundle.json", json.dumps(told))
        for name, content in more.items():
            file.writestr(name, content)
    return path


def test_a_whole_bundle_is_recognised(tmp_path: Path) -> None:
    assert bundle_file.check(packed(tmp_path / "b.zip")) == MANIFEST


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ({}, "isn't one's"),
        ([1], "isn't one's"),
        (dataclasses.asdict(MANIFEST) | {"tag": "latest"}, "isn't one's"),
        (dataclasses.asdict(MANIFEST) | {"images": ["../x"]}, "isn't one's"),
        (dataclasses.asdict(MANIFEST) | {"more": 1}, "isn't one's"),
        (dataclasses.asdict(MANIFEST) | {"format": "mlops-lab-bundle/9"}, "has the format 'mlops-lab-bundle/9'"),
        (dataclasses.asdict(MANIFEST) | {"sha256": "0" * 64}, "is damaged"),
    ],
)
def test_a_bundle_whose_manifest_is_wrong_is_refused(tmp_path: Path, manifest: object, message: str) -> None:
    with pytest.raises(LabError, match=message):
        bundle_file.check(packed(tmp_path / "b.zip", manifest=manifest))


@pytest.mark.parametrize(
    "body",
    [
        archive([f"mlops-lab/base:{TAG}", f"mlops-lab/mlflow:{TAG}", "python:3.11-slim-bookworm"]),
        archive([f"mlops-lab/base:{TAG}", "mlops-lab/mlflow:another-lab"]),
        archive([f"mlops-lab/base:{TAG}"]),
        archive(
            [f"mlops-lab/{image}:{TAG}" for image in IMAGES],
            {"index.json": INDEX},
        ),
    ],
    ids=["an official image", "another lab's", "one missing", "in an OCI index"],
)  # fmt: skip
def test_a_bundle_that_would_name_other_images_is_refused(tmp_path: Path, body: bytes) -> None:
    forged = dataclasses.replace(MANIFEST, sha256=sha256(body).hexdigest())

    with pytest.raises(LabError, match="was made by somebody else"):
        bundle_file.check(packed(tmp_path / "b.zip", body, forged))


def test_a_bundle_with_other_members_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="holds other things"):
        bundle_file.check(packed(tmp_path / "b.zip", **{"../../etc/cron.d/x": b"* * * * * root true"}))


@pytest.mark.parametrize("cut", [10, 300, -30])
def test_a_bundle_that_was_cut_off_is_refused(tmp_path: Path, cut: int) -> None:
    whole = packed(tmp_path / "b.zip").read_bytes()
    (tmp_path / "b.zip").write_bytes(whole[:cut])

    with pytest.raises(LabError, match="can't be read as a bundle"):
        bundle_file.check(tmp_path / "b.zip")


def test_a_bundle_with_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    file = packed(tmp_path / "b.zip")
    body = bytearray(file.read_bytes())
    body[150] ^= 1
    file.write_bytes(bytes(body))

    with pytest.raises(LabError, match=r"can't be read as a bundle|is damaged"):
        bundle_file.check(file)


def test_a_file_that_is_not_there_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="No such file"):
        bundle_file.check(tmp_path / "b.zip")


def test_a_file_that_exists_is_not_replaced_by_a_bundle(config: LabConfig, tmp_path: Path) -> None:
    file = tmp_path / "b.zip"
    file.write_text("mine")

    with pytest.raises(UsageError, match="exists"):
        bundle.save_bundle(config, file, force=False, watch=lambda *_: None)

    assert file.read_text() == "mine"


def test_a_bundle_goes_only_into_a_folder_that_exists(config: LabConfig, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"The folder .*/nowhere doesn't exist"):
        bundle.save_bundle(config, tmp_path / "nowhere" / "b.zip", force=False, watch=lambda *_: None)


# --- digests ---


def test_the_digest_is_that_of_the_registry_which_the_name_says() -> None:
    known = ["mirror.example/postgres@sha256:theirs", "postgres@sha256:ours"]

    assert official.digest_of("postgres:18.6-bookworm", known) == "sha256:ours"


def test_an_image_without_a_digest_is_not_pinned() -> None:
    with pytest.raises(LabError, match=r"no digest for postgres:18\.6"):
        official.digest_of("postgres:18.6", [])
