"""checkov finds nothing that isn't mended or excepted with a reason."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab.envfile import ROOT
from tests.conftest import required
from tests.support.aws.terraform import SOURCE

# Its packages don't fit the project's: it runs in an environment of its own, which uv keeps.
_CHECKOV = "checkov==3.3.30"

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(1200)]


# Found, or an empty report would prove nothing.
_MISTAKE = 'resource "aws_s3_bucket" "planted" {\n  bucket = "open"\n}\n'


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    copy = tmp_path_factory.mktemp("checkov") / "terraform"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns(".terraform", "node_modules", "tests"))
    (copy / "planted").mkdir()
    (copy / "planted" / "main.tf").write_text(_MISTAKE)
    return _checked(copy)


def _checked(folder: Path) -> dict[str, Any]:
    uv = shutil.which("uv", path=os.pathsep.join((os.environ.get("PATH", os.defpath), str(ROOT / ".uv" / "bin"))))
    if uv is None:
        if required("terraform"):
            raise FileNotFoundError("no uv on PATH, with which checkov is run")
        pytest.skip("no uv on PATH, with which checkov is run")
    argv = [uv, "tool", "run", "--from", _CHECKOV, "checkov", "--directory", str(folder), "--framework", "terraform"]
    argv += ["--skip-download", "--quiet", "--compact", "--output", "json"]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode in {0, 1}, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_every_file_was_read(report: dict[str, Any]) -> None:
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 500


def test_nothing_is_found_but_what_is_planted(report: dict[str, Any]) -> None:
    found = {f"{one['resource']}: {one['check_id']} {one['check_name']}" for one in report["results"]["failed_checks"]}
    planted = {one for one in found if one.startswith("aws_s3_bucket.planted: ")}
    assert found - planted == set()
    assert any("CKV2_AWS_6 " in one for one in planted)
