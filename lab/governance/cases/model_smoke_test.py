"""Does a registered model work? Asked in a process of its own."""

import csv
import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lab.base.account import LOCALE, SEARCH_PATH, user_name
from lab.base.catalogue import Service
from lab.base.dataset import dataset_key, read_records
from lab.base.errors import LabError
from lab.config import LabConfig
from lab.models.environment import environment_of
from lab.models.environment_making import FOLDER, prepared
from lab.models.model_folder import models_in
from lab.services.s3 import READER, S3

DEADLINE_S = 120.0
ROWS = 20


@dataclass(frozen=True)
class SmokeTest:
    """`detail` is what was predicted, or why nothing could be."""

    works: bool
    detail: str


def try_model(
    config: LabConfig,
    model: str,
    version: str,
    digest: str,
    data: str,
    lock_hash: str = "",
    deadline_s: float = DEADLINE_S,
) -> SmokeTest:
    """Loads the version, if `digest` is that of its files, and lets it score the first rows of the data set `data`.

    `lock_hash` is that of the packages of its own which it was trained with; empty: the lab's packages. Never raises
    for what the model does.
    """
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.csv"
        argv = ("-m", "lab.training.score_version", model, version, digest, str(rows), str(config.home / FOLDER))
        try:
            _prepare(config, model, lock_hash)
            _write_rows(config, data, rows)
            done = subprocess.run(
                [sys.executable, *argv],
                cwd=folder,
                env=_environment(config, folder),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=deadline_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return SmokeTest(False, f"no prediction within {deadline_s:.0f} s")
        except LabError as err:
            return SmokeTest(False, f"its training data can't be read: {err.message}")
    return _understood(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def _environment(config: LabConfig, folder: str) -> dict[str, str]:
    """Nothing of the caller's: the model must work, or not, whoever asks."""
    return {
        "PATH": SEARCH_PATH,
        "LC_ALL": LOCALE,
        "USER": user_name(),
        "MLFLOW_TRACKING_URI": config.url(Service.MLFLOW),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
        # Files come through MLflow's server: it would name the object store by an address of the containers' networks.
        "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
        "PYTHONPATH": str(config.root),
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "TMPDIR": folder,
        "HOME": folder,
    }


def _prepare(config: LabConfig, name: str, lock_hash: str) -> None:
    """A lab that was restored, or is another one, has the version and not its packages. They are made of the very lock
    that it was trained with and of no other: where the folder has that no more, or the packages can't be had, whoever
    loads the version says what is missing.
    """
    model = next((one for one in models_in(config.pipelines).sound if one.contract.name == name), None)
    with suppress(LabError, OSError):
        if lock_hash and model and (own := environment_of(model.folder)) and own.lock_hash == lock_hash:
            prepared(own, config.home / FOLDER, config.root, lambda _: None)


def _write_rows(config: LabConfig, data: str, path: Path) -> None:
    """Header and first rows of a stored data set, each cell as it was ingested."""
    lines = S3.of_lab(config, READER, timeout_s=15).lines(config.data_bucket, dataset_key(data))
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(islice(read_records(lines), ROWS + 1))


def _understood(code: int, out: str, errors: str) -> SmokeTest:
    try:
        answer = json.loads(out.strip().splitlines()[-1])
        if code == 0:
            labels = ", ".join(map(str, answer["predictions"][:5]))
            used = f"loads and predicts {answer['rows']} rows of its training data, as CSV and as JSON: {labels}"
            return SmokeTest(True, f"its files are the audited ones; {used}")
        return SmokeTest(False, str(answer["error"]))
    except (ValueError, LookupError, TypeError):
        last = (errors.strip().splitlines() or ["it printed nothing"])[-1]
        return SmokeTest(False, f"the smoke test ended with {code}: {last[:300]}")
