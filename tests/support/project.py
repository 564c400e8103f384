"""A copy of the project that a test may edit."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from lab.runtime.images.builder_process import link

ROOT = Path(__file__).resolve().parents[2]
# What a lab is started from; the packages of the environment are the original's.
_CODE = ("lab", "pipelines", "exporters", "tasks.py")
_PARTS = (
    *_CODE,
    "stack",
    "grafana",
    "data",
    "pyproject.toml",
    "uv.lock",
    ".env.example",
    ".gitignore",
    ".dockerignore",
)


def copied(folder: Path, parts: tuple[str, ...] = _PARTS) -> Path:
    """Copies the parts of the project into `folder`, which it makes, and returns it."""
    folder.mkdir(parents=True)
    for part in parts:
        source, target = ROOT / part, folder / part
        if source.is_dir():
            # Compiled code goes along; what another process is just writing of it doesn't.
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.pyc.*"))
        elif source.is_file():
            shutil.copy2(source, target)
    return folder


def with_asset(definitions: str, name: str, body: str, governed: bool = False) -> str:
    """The text of `pipelines/definitions.py` with one more asset, whose function has this body."""
    takes = "context: dg.AssetExecutionContext, governance: Governance" if governed else ""
    guarded = f"with governance.step(context, {name!r}):\n        {body}" if governed else body
    imported = "from lab.training.governance_resource import Governance\n\n\n" if governed else ""
    made = f"{imported}@dg.asset(name={name!r})\ndef {name}({takes}) -> None:\n    {guarded}\n\n\n"
    head, found, tail = definitions.partition("@dg.definitions\n")
    own = tail.replace("assets=[]", f"assets=[{name}]")
    assert found, "pipelines/definitions.py has no `@dg.definitions`"
    assert own != tail, "pipelines/definitions.py has no `assets=[]`"
    return f"{head}{made}{found}{own}"


def git(folder: Path, *arguments: str) -> str:
    """What git says in `folder`, for which nobody's own configuration matters."""
    identity = {f"GIT_{who}_{what}": "t@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), **identity}
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], env=environ, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def committed(folder: Path, more: tuple[str, ...] = ()) -> Path:
    """A copy of what a lab is started from, and of `more`, with one commit; returns its folder."""
    root = copied(folder, (*_PARTS, *more))
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "as it was"]):
        git(root, *arguments)
    return root


def prepared_alike(environment: Path) -> None:
    """Gives an environment of the same packages what Python compiled of this one's, and the servers obtained for it.

    Compiling takes longer than installing. What doesn't fit, because a package was installed otherwise, Python compiles
    anew; names are shared, files aren't: it replaces what it finds.
    """
    here, there = Path(sysconfig.get_path("purelib")), next(environment.glob("lib/python3*/site-packages"))
    for cache in here.rglob("__pycache__"):
        target = there / cache.relative_to(here)
        if target.parent.is_dir():
            # What another process is just writing has two more dots.
            ignored = shutil.ignore_patterns("*.pyc.*")
            shutil.copytree(cache, target, copy_function=link, dirs_exist_ok=True, ignore=ignored)
    if (servers := Path(sys.prefix) / "share" / "mlops-lab").exists():
        (environment / "share").mkdir(exist_ok=True)
        (environment / "share" / "mlops-lab").symlink_to(servers)
