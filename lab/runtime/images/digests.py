"""The digests that a registry gives for official images now."""

import time
from collections.abc import Mapping, Sequence

from lab.base.errors import LabError
from lab.runtime.engine import docker_command, engine
from lab.runtime.images.process import Watch, run

_PULL_S = 1200.0


def pull_digests(names: Sequence[str], watch: Watch) -> Mapping[str, str]:
    """Pulls each image by its tag; digest by name and tag. Raises LabError."""
    client = engine()
    found = {}
    try:
        for given in names:
            name, begin = given.partition("@")[0], time.monotonic()
            watch(name, "starting", "", None)
            run([docker_command(), "pull", "--quiet", name], f"Pulling {name}", _PULL_S)
            found[name] = digest_of(name, client.images.get(name).attrs.get("RepoDigests") or [])
            watch(name, "success", found[name], time.monotonic() - begin)
    finally:
        client.close()
    return found


def digest_of(name: str, known: Sequence[str]) -> str:
    """Of the registry that `name` is from: an image may have been pulled from several."""
    repository = name.rpartition(":")[0] or name
    for entry in known:
        where, _, digest = entry.partition("@")
        if where == repository and digest:
            return digest
    raise LabError(f"The registry gave no digest for {name}.", "Type `docker pull` for it, and look at what it says.")
