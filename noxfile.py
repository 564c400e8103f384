"""The checks and tests over every supported Python: `nox`, `nox -s tests-3.12 -- -k drift`."""

import nox

PYTHONS = ["3.11", "3.12", "3.13"]
nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv"
# An interpreter that is not installed is skipped; `nox --error-on-missing-interpreters` makes it a failure.
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True


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
