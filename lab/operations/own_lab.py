"""Whether the lab at the ports is this one: asked before anything is launched, written or removed in it.

`up` writes the lab's id into the store, which no other lab's store has; one request reads it again. Names, ports and
even secrets may be those of another lab, as in a copy of the project.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.base.catalogue import Service
from lab.base.errors import LabError, NotFound, ServiceUnavailable
from lab.config import LabConfig
from lab.operations.doctor.doctor_ports import free_offset
from lab.runtime.lab_marker import lab_id, recorded_runtime
from lab.runtime.neighbours import home_at
from lab.runtime.runtime import Runtime
from lab.services.s3 import ADMIN, PIPELINE, READER, S3

# In the data bucket, and not in backups: a restored lab is another one.
KEY = "lab/identity.json"
_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Identity:
    """What a store says of its lab."""

    id: str
    home: str

    def is_of(self, config: LabConfig) -> bool:
        """Whether it is that of the lab at the configured home, which may have lost its own record of it."""
        return self.id == lab_id(config.home) or self.home == str(config.home)

    def to_json(self) -> bytes:
        return json.dumps({"id": self.id, "home": self.home}).encode()


def refuse_another(config: LabConfig) -> None:
    """Raises LabError when the store, which may hold nothing yet, is another lab's."""
    found = _stored(config, ADMIN)
    if found and not found.is_of(config):
        raise _another(config, found.home)


def settle(config: LabConfig) -> None:
    """Writes this lab's id into its store. Raises LabError when that holds another lab's."""
    refuse_another(config)
    mine = Identity(lab_id(config.home), str(config.home))
    if _stored(config) != mine:
        S3.of_lab(config, PIPELINE, _TIMEOUT_S).put(config.data_bucket, KEY, mine.to_json())


def require(config: LabConfig, runtime: Callable[[], Runtime]) -> None:
    """Returns when this lab is up, whole or in part. Raises LabError when it isn't, or another has its ports."""
    if not recorded_runtime(config.home):
        raise _not_up(config)
    try:
        found = _stored(config)
    except ServiceUnavailable:
        found = None  # an outage of the store, or nothing is there at all
    except LabError as err:
        raise _refused(config, err) from None
    if found and not found.is_of(config):
        raise _another(config, found.home)
    if found and _copied(config, found):
        raise LabError(
            f"{config.home} is a copy of the lab at {found.home}, which is up at these ports.",
            f"Set LAB_HOME={found.home}, or a new folder, with LAB_NAME and PORT_OFFSET of its own.",
        )
    if not found and not any(fact.state == "running" for fact in runtime().facts().values()):
        raise _not_up(config)


def _stored(config: LabConfig, identity: str = READER) -> Identity | None:
    """The identity in the store; None in one that has none, of a lab from before labs had one."""
    try:
        raw = json.loads(S3.of_lab(config, identity, _TIMEOUT_S).get(config.data_bucket, KEY))
        return Identity(str(raw["id"]), str(raw["home"]))
    except NotFound:
        return None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise LabError(
            f"{KEY} in the bucket {config.data_bucket} doesn't say whose store this is.",
            "Remove it as the store's administrator, then type `invoke up`.",
        ) from None


def _copied(config: LabConfig, found: Identity) -> bool:
    """Whether another home has the id, too: a folder may also have been moved."""
    return found.home != str(config.home) and lab_id(Path(found.home)) == found.id


def _not_up(config: LabConfig) -> LabError:
    if other := home_at(config.port(Service.OBJECT_STORE)):
        return _another(config, str(other)) if other != config.home else _down(config)
    return _down(config)


def _down(config: LabConfig) -> LabError:
    return LabError(f"The lab {config.name} at {config.home} isn't up.", "Type `invoke up`.")


def _another(config: LabConfig, other: str) -> LabError:
    try:
        offset = f"PORT_OFFSET={free_offset()}, for example"
    except LabError as err:
        offset = str(err)
    return LabError(
        f"The lab {config.name} at {config.home} isn't up; at its ports is the lab of {other}.",
        f"Give this lab other ports ({offset}) and type `invoke up`, or set LAB_HOME={other}.",
    )


def _refused(config: LabConfig, err: LabError) -> LabError:
    """The store knows no such secret: it is another lab's, or `.env` was changed since this one was started."""
    other = home_at(config.port(Service.OBJECT_STORE))
    if other and other != config.home:
        return _another(config, str(other))
    return LabError(
        f"The store at {config.url(Service.OBJECT_STORE)} doesn't accept this lab's secrets: {err.message}",
        f"If {config.env_file} was changed, type `invoke up`; else another lab has these ports: set PORT_OFFSET.",
    )
