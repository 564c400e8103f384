"""`invoke demo-run --data`: every file ends in success or in a clear reason, never in a half-registered model."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.lab import ROOT, LiveLab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

SAMPLE = (ROOT / "data" / "sample_data.csv").read_text(encoding="utf-8")
HEADER, _, ROWS = SAMPLE.partition("\n")


def wrong_types() -> bytes:
    lines = SAMPLE.splitlines()
    column = HEADER.split(",").index("credit_amount")
    for number in range(1, 8):
        cells = lines[number].split(",")
        cells[column] = "a lot"
        lines[number] = ",".join(cells)
    return "\n".join(lines).encode()


# One of each way to fail: nothing to read, cells that break a rule, bytes that are no text. What else can be wrong with
# a file is tried on the check itself.
BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "the file is empty"),
    "wrong types": (wrong_types, "credit_amount: no number in"),
    "Latin-1": (lambda: SAMPLE.replace("good", "gütig", 3).encode("latin-1"), "not UTF-8"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_fails_with_its_reason_and_registers_nothing(live: LiveLab, bad_file: Path, kind: str) -> None:
    make, reason = BAD[kind]
    bad_file.write_bytes(make())
    versions = live.versions()

    done = live.invoke("demo-run", "--data", str(bad_file), check=False)

    assert done.returncode == 1, done.stdout
    assert reason in " ".join(done.stdout.split())
    assert "Traceback" not in done.stdout + done.stderr
    assert live.versions() == versions


def test_a_byte_order_mark_does_no_harm_and_a_relative_path_is_meant_from_where_the_user_is(
    live: LiveLab, bad_file: Path
) -> None:
    bad_file.write_bytes(SAMPLE.encode("utf-8-sig"))

    result = live.json("demo-run", "--data", os.path.relpath(bad_file, live.root))

    assert result["succeeded"], result["reason"]
    assert result["version"]["tags"]["drift_state"] == "stable"


def test_a_directory_and_a_missing_file_are_refused_before_a_run_starts(live: LiveLab, tmp_path: Path) -> None:
    runs = live.run_ids()
    for path in (tmp_path, tmp_path / "absent.csv"):
        done = live.invoke("demo-run", "--data", str(path), check=False)

        assert done.returncode == 1
        assert f"There is no file {path}" in done.stderr
        assert "Traceback" not in done.stderr
    assert live.run_ids() == runs


def test_an_unreadable_file_fails_with_its_name(live: LiveLab, bad_file: Path) -> None:
    if os.getuid() == 0:
        # Root may read every file, but this one is an I/O error for anybody.
        bad_file = Path("/proc/self/mem")
    else:
        bad_file.write_text(SAMPLE)
        bad_file.chmod(0)
    versions = live.versions()

    done = live.invoke("demo-run", "--data", str(bad_file), check=False)

    assert done.returncode == 1
    assert f"Can't read {bad_file}" in " ".join((done.stdout + done.stderr).split())
    assert live.versions() == versions
