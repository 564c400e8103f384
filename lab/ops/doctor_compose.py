"""What would keep the lab's containers from starting."""

import os
import stat
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lab.core.config import LabConfig
from lab.core.errors import LabError
from lab.ops.doctor import Finding, Verdict
from lab.runtime import engine
from lab.runtime.containers import Containers, understood
from lab.runtime.images.names import OURS, images, tag
from lab.runtime.remains import Remains
from lab.runtime.stacks import airgapped, make_stack

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
        Remains(Containers(config.name), config.name, config.home).claim()
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
    try:
        make_stack(config)
    except LabError as err:
        yield Finding("images", Verdict.FAIL, err.message, err.remedy)
        return
    with understood("listing images"):
        there = {name for image in client.images.list() for name in image.tags}
    ours = [tag(name, config.name) for name in OURS]
    missing = [name for name in ours if name not in there]
    kind = "made without a registry" if airgapped(config) else "the official ones, and three of ours"
    if missing:
        remedy = "`invoke up` builds them; where no registry can be reached, type `invoke build --airgap` first."
        yield Finding("images", Verdict.WARN, f"missing: {', '.join(missing)}", remedy)
        return
    absent = [name for name in images(config).values() if name not in there and airgapped(config)]
    detail = f"{kind}; {len(absent)} aren't used" if absent else kind
    yield Finding("images", Verdict.OK, detail)
