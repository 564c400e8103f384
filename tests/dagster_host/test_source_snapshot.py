"""A process that took the code executes what it took, whatever is saved later and whatever bytecode says."""

import subprocess
import sys
from pathlib import Path

from lab.base.source_code import fingerprint, sources
from tests.support.project import copied

TAKE = (
    "import os, sys\nfrom pathlib import Path\n"
    "from lab.dagster_host import source_snapshot; root = source_snapshot.ROOT\n"
)


def said(root: Path, script: str) -> str:
    """What a process prints whose project is the copy at `root`."""
    environ = {"PYTHONPATH": str(root)}
    command = [sys.executable, "-c", TAKE + script]
    return subprocess.run(command, cwd="/", env=environ, check=True, capture_output=True, text=True).stdout.strip()


def project(folder: Path) -> Path:
    root = copied(folder / "root", ("lab", "pipelines"))
    (root / "pipelines" / "later.py").write_text("TEXT = 'old'\n")
    return root


EDIT = "(root / 'pipelines' / 'later.py').write_text(\"TEXT = 'new'\\n\")\n"


def test_what_is_saved_after_the_taking_is_not_executed(tmp_path: Path) -> None:
    script = "source_snapshot.take()\n" + EDIT + "from pipelines import later; print(later.TEXT)"
    assert said(project(tmp_path), script) == "old"


def test_what_was_read_ahead_is_executed_and_not_read_again(tmp_path: Path) -> None:
    script = (
        "from lab.base.source_code import sources; files = sources(root)\n"
        + EDIT
        + "source_snapshot.take(read=files)\n"
        "from pipelines import later; print(later.TEXT)"
    )
    assert said(project(tmp_path), script) == "old"


def test_a_contract_that_is_edited_later_is_read_as_it_was_taken(tmp_path: Path) -> None:
    root = project(tmp_path)
    script = (
        "source_snapshot.take()\n"
        "path = root / 'pipelines' / 'credit_risk' / 'model.yaml'\n"
        "path.write_text(path.read_text().replace('risk_tier: high', 'risk_tier: low'))\n"
        "from lab.training.step_environment import the_model_here\n"
        "print(the_model_here('credit_risk').contract.risk_tier)"
    )
    assert said(root, script) == "high"
    assert said(root, script.partition("\n")[2]) == "low"


def test_a_module_that_was_imported_before_is_executed_as_it_was_taken(tmp_path: Path) -> None:
    script = (
        "import pipelines.later\n" + EDIT + "source_snapshot.take()\nfrom pipelines import later; print(later.TEXT)"
    )
    assert said(project(tmp_path), script) == "new"


AHEAD = "from lab.dagster_host.warm_up import take_ahead; take_ahead()\nimport lab.training.definitions as made\n"
AGAIN = "source_snapshot.take()\nimport lab.training.definitions as again\n"
SEEN = "from lab.training.step_environment import models_here, the_model_here\n"


def edit(file: str, old: str, new: str) -> str:
    return f"path = root / {file!r}; path.write_text(path.read_text().replace({old!r}, {new!r}))\n"


def test_what_was_made_ahead_stays_while_the_labs_own_code_is_the_same(tmp_path: Path) -> None:
    tier = edit("pipelines/credit_risk/model.yaml", "risk_tier: high", "risk_tier: low")
    script = (
        AHEAD + SEEN + "before = {m.slug: made.steps_of(m) for m in models_here().sound}\n" + tier + EDIT + AGAIN + SEEN
    )
    script += "after = {m.slug: again.steps_of(m) for m in models_here().sound}\n"
    script += "print(again is made, *(slug for slug in after if after[slug] is not before[slug]))\n"
    script += "from pipelines import later; print(the_model_here('credit_risk').contract.risk_tier, later.TEXT)"
    # Only what was edited is made anew, and nothing of what was read before is left.
    assert said(project(tmp_path), script) == "True credit_risk\nlow new"


def test_a_change_of_the_labs_own_code_is_taken_as_a_whole(tmp_path: Path) -> None:
    change = edit("lab/base/runs.py", "", "") + "path.write_text(path.read_text() + '\\nSEEN = 1\\n')\n"
    script = AHEAD + change + AGAIN + "import lab.base.runs; print(again is made, lab.base.runs.SEEN)"
    assert said(project(tmp_path), script) == "False 1"
    broken = AHEAD + "path = root / 'lab/base/runs.py'; path.write_text('oops(')\ntake_ahead()\n"
    broken += "try:\n    import lab.training.definitions\nexcept SyntaxError:\n    print('told')"
    assert said(project(tmp_path / "other"), broken) == "told"


def test_bytecode_that_cannot_tell_an_edit_from_its_predecessor_is_not_used(tmp_path: Path) -> None:
    root = project(tmp_path)
    same_moment = "os.utime(root / 'pipelines' / 'later.py', (1_700_000_000, 1_700_000_000))\n"
    said(root, same_moment + "sys.dont_write_bytecode = False; import pipelines.later")
    plain = EDIT + same_moment + "from pipelines import later; print(later.TEXT)"
    assert said(root, plain) == "old", "Python's own rule has changed: bytecode isn't in the way any more"
    assert said(root, "source_snapshot.take()\n" + "from pipelines import later; print(later.TEXT)") == "new"


def test_the_fingerprint_names_what_was_taken(tmp_path: Path) -> None:
    root = project(tmp_path)
    before = fingerprint(sources(root))
    assert (
        said(root, "print(source_snapshot.take())\n" + EDIT + "print(os.environ['CODE_FINGERPRINT'])").split()
        == [before] * 2
    )
    assert fingerprint(sources(root)) != before


def test_a_file_that_does_not_compile_hinders_only_who_imports_it(tmp_path: Path) -> None:
    root = project(tmp_path)
    (root / "pipelines" / "later.py").write_text("def oops(:\n")
    script = "source_snapshot.take(); import pipelines.credit_risk.train; print('fine')\n"
    assert said(root, script) == "fine"
    assert "SyntaxError" in said(
        root, "source_snapshot.take()\ntry:\n    import pipelines.later\nexcept Exception as err:\n    print(type(err))"
    )
