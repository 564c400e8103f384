"""What would keep the lab's containers from starting."""

import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from lab.base.errors import LabError
from lab.config import LabConfig
from lab.operations.doctor.finding import Finding, Verdict
from lab.runtime.compose import engine
from lab.runtime.compose.container_set import LEGACY_STORE, MOVE_STORE, airgapped, make_stack
from lab.runtime.compose.containers import Containers, understood
from lab.runtime.compose.engine_cleanup import LabInEngine
from lab.runtime.images import official
from lab.runtime.images.image_names import OURS, tag
from lab.runtime.images.official import Official
from lab.runtime.lab_marker import MINIO, recorded_store

if TYPE_CHECKING:
    from docker import DockerClient

NEEDED_MEMORY = 4 << 30


def examine_containers(config: LabConfig) -> tuple[Sequence[Finding], frozenset[int]]:
    """What was found, and the ports that this lab's own containers hold."""
    try:
        client = engine.engine(10.0)
        with understood("asking what it can do"):
            info, version = client.info(), client.version()
    except LabError as err:
        return (Finding("engine", Verdict.FAIL, err.message, err.remedy),), frozenset()
    found = [Finding("engine", Verdict.OK, f"{version['Version']}, API {version['ApiVersion']}"), _compose()]
    found += [
        _memory(int(info.get("MemTotal", 0))),
        *_rights(info.get("SecurityOptions") or ()),
        *_images(config, client),
        *_store(config),
    ]
    found += [*_readable(config), *_name(config)]
    client.close()
    return tuple(found), own_ports(config)


def own_ports(config: LabConfig) -> frozenset[int]:
    """The ports that this lab's own containers hold. Raises LabError."""
    own = Containers(config.name, config.home).list().values()
    return frozenset(port for container in own for _, port in container.ports)


def _name(config: LabConfig) -> Iterator[Finding]:
    """Names repeat, as in two clones: what the engine has under this one must be this lab's."""
    try:
        LabInEngine(Containers(config.name), config.name, config.home).claim()
    except LabError as err:
        yield Finding("lab name", Verdict.FAIL, err.message, err.remedy)


def _compose() -> Finding:
    try:
        return Finding("compose", Verdict.OK, " ".join(engine.compose_command()))
    except LabError as err:
        return Finding("compose", Verdict.FAIL, err.message, err.remedy)


def _memory(total: int) -> Finding:
    detail = f"the engine has {total / 2**30:.1f} GB"
    if total >= NEEDED_MEMORY:
        return Finding("memory", Verdict.OK, detail)
    return Finding("memory", Verdict.FAIL, f"{detail}, {NEEDED_MEMORY >> 30} GB needed", "Give the engine more memory.")


def _rights(options: Sequence[str]) -> Iterator[Finding]:
    """Containers must be able to read files of whoever starts them."""
    mapped = [name for name in ("rootless", "userns") if any(f"name={name}" in option for option in options)]
    if mapped:
        detail = f"the engine is {mapped[0]}: users inside aren't those outside, and secrets are files of yours"
        yield Finding("users", Verdict.FAIL, detail, "Use an engine without user mapping, or set RUNTIME=native.")
    who = "root; containers run as uid 10001" if os.getuid() == 0 else f"uid {os.getuid()}, as which containers run"
    yield Finding("user", Verdict.OK, who)


def _readable(config: LabConfig) -> Iterator[Finding]:
    """Root may read everything, the containers that it starts only what everybody may."""
    if os.getuid() != 0:
        return
    stack = config.root / "stack"
    mounted = [config.data_path, config.policy_path, stack / "health" / "health.py", stack / "dagster" / "dagster.yaml"]
    mounted += [config.root / "pipelines" / "definitions.py", stack / "prometheus" / "alert_rules.yml"]
    closed = [path for path in mounted if path.exists() and not path.stat().st_mode & stat.S_IROTH]
    if closed:
        detail = f"containers run as uid 10001 and can't read {', '.join(map(str, closed))}"
        yield Finding("files", Verdict.FAIL, detail, "Type `chmod -R o+rX` on their folders, or use an ordinary user.")


def _images(config: LabConfig, client: "DockerClient") -> Iterator[Finding]:
    """Every image that `up` will need: whether it is here, and if not, whether it can be had."""
    try:
        stack = make_stack(config)
    except LabError as err:
        yield Finding("images", Verdict.FAIL, err.message, err.remedy)
        return
    with understood("listing images"):
        there = {name for image in client.images.list() for name in image.tags}
        others = official.missing(client, stack.official)
    ours = [name for name in (tag(image, config.name) for image in OURS) if name not in there]
    if airgapped(config):
        ours, others = [*ours, *(one.name for one in others)], []
    elif ours:
        with understood("listing images"):
            others = [*official.missing(client, [official.base_of_ours(stack.images)]), *others]
    if ours:
        remedy = "`invoke up` builds them; where no registry can be reached, type `invoke build --airgap` first."
        yield Finding("images", Verdict.WARN, f"to be built: {', '.join(ours)}", remedy)
    yield from _to_pull(others, client)
    if not ours and not others:
        kind = "made without a registry" if airgapped(config) else "the official ones, and three of ours"
        yield Finding("images", Verdict.OK, f"all here: {kind}")


def _to_pull(images: Sequence[Official], client: "DockerClient") -> Iterator[Finding]:
    """Asks each registry, all at once; only a warning, because a pull may have ways that this question hasn't."""
    with ThreadPoolExecutor(max_workers=max(1, len(images))) as pool:
        reasons = list(pool.map(lambda image: official.refused(client, image), images))
    for image, reason in zip(images, reasons, strict=True):
        what = f"{image.name} for {image.wanted_by}"
        if reason:
            detail = f"{what} isn't here, and {image.registry} doesn't give it: {reason}"
            yield Finding("images", Verdict.WARN, detail, official.advice(image, reason))
        else:
            detail = f"{what} isn't here, and can be had from {image.registry}"
            yield Finding("images", Verdict.OK, detail)


def _store(config: LabConfig) -> Iterator[Finding]:
    if (config.object_store if config.object_store != "auto" else recorded_store(config.home)) == MINIO:
        yield Finding("object store", Verdict.WARN, LEGACY_STORE, MOVE_STORE)
