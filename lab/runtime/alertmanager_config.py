"""Alertmanager's configuration as text: who is told of what, and which alerts another one explains.

It is JSON, which is YAML, and holds the receivers' secrets.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lab.base.alerts import WATCHDOG
from lab.base.catalogue import CATALOGUE, Service
from lab.config import AlertSettings
from lab.runtime.alert_receivers import Kind, Receiver, receivers

# Alerts of this name are `invoke alert-test`'s; the label says which receiver is tried, another one which time.
TEST, TRIED, TRIAL = "AlertTest", "receiver_tried", "trial"
_NOBODY = "nobody"
# The alerts which say that the service in their label `service` is down.
DOWN = (
    *("ServiceDown", "PostgresDown", "DagsterWebserverDown", "DagsterCodeLocationDown", "DagsterDaemonDown"),
    "DagsterHeartbeatsAbsent",
)


def render(settings: AlertSettings) -> str:
    """The whole file. Raises SettingsError for a receiver that can't be had."""
    known = receivers(settings)
    configuration = {
        "global": {"resolve_timeout": "1m"},
        "route": _route([one.kind for one in known]),
        "inhibit_rules": list(_inhibitions()),
        "receivers": [{"name": _NOBODY}, *map(_receiver, known)],
    }
    return json.dumps(configuration, indent=1) + "\n"


def _receiver(one: Receiver) -> Mapping[str, Any]:
    return {"name": str(one.kind), **one.configuration}


def _route(kinds: Sequence[Kind]) -> Mapping[str, Any]:
    """A route each for the alert that always fires, for tests, and for everybody who is to be told."""
    watchdog = {
        "matchers": [f'alertname="{WATCHDOG}"'],
        "receiver": str(Kind.WATCHDOG) if Kind.WATCHDOG in kinds else _NOBODY,
        "group_wait": "0s",
        "group_interval": "1m",
        # Every flush repeats it: whoever listens must hear it again and again.
        "repeat_interval": "30s",
    }
    tries = [{"matchers": [f'{TRIED}="{kind}"'], "receiver": str(kind)} for kind in kinds]
    test = {
        "matchers": [f'alertname="{TEST}"'],
        "receiver": _NOBODY,
        "group_by": ["alertname", TRIED, TRIAL],
        "group_wait": "0s",
        "routes": tries,
    }
    people = [kind for kind in kinds if kind is not Kind.WATCHDOG]
    return {
        "receiver": _NOBODY,
        # Of one service and one alert there is one message, however many instances, poller or daemons it has.
        "group_by": ["alertname", "service"],
        "group_wait": "5s",
        "group_interval": "30s",
        "repeat_interval": "4h",
        "routes": [watchdog, test, *({"receiver": str(kind), "continue": True} for kind in people)],
    }


def _inhibitions() -> Iterator[Mapping[str, Any]]:
    """A service that is down explains what is wrong with everything that needs it, and with itself."""
    down = f'alertname=~"{"|".join(DOWN)}"'
    for spec in CATALOGUE:
        needing = "|".join(sorted(dependents(spec.name)))
        if needing:
            yield {
                "source_matchers": [down, f'service="{spec.name}"'],
                "target_matchers": [f'service=~"{needing}"'],
            }
        yield {
            "source_matchers": [down, f'service="{spec.name}"'],
            "target_matchers": [f'service="{spec.name}"', f'alertname!~"{"|".join(DOWN)}"'],
        }


def dependents(service: Service) -> frozenset[Service]:
    """Every service that needs `service`, directly or through another."""
    found: set[Service] = set()
    waiting = [service]
    while waiting:
        one = waiting.pop()
        for spec in CATALOGUE:
            if one in spec.needs and spec.name not in found:
                found.add(spec.name)
                waiting.append(spec.name)
    return frozenset(found)
