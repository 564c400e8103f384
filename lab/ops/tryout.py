"""Does a registered model work? Asked in a process of its own."""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from lab.core.account import LOCALE, SEARCH_PATH, user_name
from lab.core.config import LabConfig
from lab.core.services import Service

DEADLINE_S = 120.0


@dataclass(frozen=True)
class Trial:
    """`detail` is what was predicted, or why nothing could be."""

    works: bool
    detail: str


def try_model(config: LabConfig, version: str, digest: str, deadline_s: float = DEADLINE_S) -> Trial:
    """Loads the version, if `digest` is that of its files, and lets it predict on its input example.

    Never raises for what the model does.
    """
    # Nothing of the caller's: the model must work, or not, whoever asks.
    environment = {
        "PATH": SEARCH_PATH,
        "LC_ALL": LOCALE,
        "USER": user_name(),
        "MLFLOW_TRACKING_URI": config.url(Service.MLFLOW),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
        "PYTHONPATH": str(config.root),
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    argv = [sys.executable, "-m", "pipelines.tryout", version, digest]
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                argv,
                cwd=folder,
                env=environment | {"TMPDIR": folder, "HOME": folder},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=deadline_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Trial(False, f"no prediction within {deadline_s:.0f} s")
    return _understood(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def _understood(code: int, out: str, errors: str) -> Trial:
    try:
        answer = json.loads(out.strip().splitlines()[-1])
        if code == 0:
            labels = ", ".join(map(str, answer["predictions"][:5]))
            used = f"loads and predicts {answer['rows']} rows of its input example: {labels}"
            return Trial(True, f"its files are the audited ones; {used}")
        return Trial(False, str(answer["error"]))
    except (ValueError, LookupError, TypeError):
        last = (errors.strip().splitlines() or ["it printed nothing"])[-1]
        return Trial(False, f"the trial ended with {code}: {last[:300]}")
