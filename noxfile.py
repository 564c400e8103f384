"""The checks and tests over every supported Python: `nox`, `nox -s tests-3.12 -- -k drift`.

`nox -s newest` says whether the newest releases still have what the lab uses of their insides.
"""

import re

import nox

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
nox.needs_version = ">=2024.10.9"
# Those whose insides the lab uses; the lock has other releases of them only after somebody looked.
INSIDES = (
    *("dagster", "dagster-webserver", "dagster-postgres", "mlflow"),
    *("textual", "textual-serve", "supervisor", "invoke"),
)
nox.options.default_venv_backend = "uv"
# An interpreter that is not installed is skipped; `nox --error-on-missing-interpreters` makes it a failure.
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["check", "tests"]


@nox.session(python=PYTHONS)
def check(session: nox.Session) -> None:
    """Style, types, architecture and lock file."""
    install(session)
    session.run("invoke", "check")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """All tests, or what pytest is told behind `--`."""
    install(session)
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(reuse_venv=False)
def newest(session: nox.Session) -> None:
    """The tests of private interfaces against the newest releases that fit together; prints which ones these are."""
    project = nox.project.load_toml("pyproject.toml")
    needed = [*project["project"]["dependencies"], *nox.project.dependency_groups(project, "dev")]
    session.install("--upgrade", *(_unpinned(one) for one in needed))
    session.run("python", "-c", _VERSIONS, *INSIDES)
    session.run("python", "-m", "pytest", "tests/test_private_interfaces.py", *session.posargs)


_VERSIONS = "import sys; from importlib.metadata import version\nfor name in sys.argv[1:]: print(name, version(name))"


def _unpinned(requirement: str) -> str:
    """The requirement without its upper bound, for a package whose insides are used."""
    name, least = re.match(r"[\w-]+", requirement), re.search(r"[=>]=([\w.]+)", requirement)
    return f"{name[0]}>={least[1]}" if name and least and name[0] in INSIDES else requirement


def install(session: nox.Session) -> None:
    """The locked packages into the session's environment; no other interpreter is downloaded."""
    session.run_install(
        "uv",
        "sync",
        "--locked",
        "--quiet",
        f"--python={session.virtualenv.location}",
        env={"UV_PROJECT_ENVIRONMENT": session.virtualenv.location, "UV_PYTHON_DOWNLOADS": "never"},
    )
