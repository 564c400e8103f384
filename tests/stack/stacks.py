"""What Compose says of a stack."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from lab.base.errors import LabError
from lab.runtime.compose.compose_files import Stack
from lab.runtime.compose.engine import compose_command
from tests.support.lab import ROOT

COMPOSE = ROOT / "stack" / "compose.yaml"
ONCE = {"volumes", "provision"}
Make = Callable[..., Stack]
Model = Mapping[str, Any]


def compose(*arguments: str, **environ: str) -> str:
    """What Compose says; it needs no engine for that."""
    try:
        command = compose_command()
    except LabError as err:
        pytest.skip(err.message)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_CONFIG") if name in os.environ}
    done = subprocess.run(
        [*command, *arguments], env=kept | environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def resolved(stack: Stack) -> Model:
    text = compose("--env-file", str(stack.variables_file), "config", "--format", "json")
    found: Model = json.loads(text)
    return found


def granted(service: Model) -> set[str]:
    return {one["source"] for one in service.get("secrets", ())}
