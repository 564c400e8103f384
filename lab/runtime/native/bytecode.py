"""Compiling the packages that the lab starts, because installers don't and every start would."""

import compileall
import importlib.util
import sys
from pathlib import Path

# What the control plane and the servers import first; the rest is compiled by the servers as they go.
PACKAGES = [
    "boto3",
    "botocore",
    "invoke",
    "httpx",
    "httpcore",
    "anyio",
    "psutil",
    "pydantic",
    "pydantic_settings",
    "rich",
    "textual",
    "lab",
    "exporters",
    "pipelines",
    "supervisor",
    "prometheus_client",
    "dagster",
    "dagster_graphql",
    "dagster_postgres",
    "dagster_shared",
    "dagster_webserver",
    "graphene",
    "graphql",
    "grpc",
    "sqlalchemy",
    "alembic",
    "starlette",
    "uvicorn",
    "fastapi",
    "flask",
    "mlflow",
]


def compile_packages() -> int:
    """Compiles each of `PACKAGES` that is installed, in parallel; returns how many were found."""
    folders = [folder for name in PACKAGES if (folder := _folder(name))]
    for folder in folders:
        compileall.compile_dir(str(folder), quiet=2, workers=0, optimize=sys.flags.optimize)
    return len(folders)


def _folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    places = list(spec.submodule_search_locations or []) if spec else []
    return Path(places[0]) if places else None
