"""Names inside MLflow on which the lab relies, and which no release promises to keep.

MLflow is pinned exactly for it; tests/test_private_interfaces.py says what a new release took away. Names only, because
most who need one haven't got MLflow; `pkgutil.resolve_name` turns one into what it names.
"""

# The server as uvicorn takes it: `mlflow server` would start fifteen processes.
APPLICATION = "mlflow.server.fastapi_app:app"
# By these variables `mlflow server` tells the application what its options say.
RUN_STORE = "_MLFLOW_SERVER_FILE_STORE"
REGISTRY_STORE = "_MLFLOW_SERVER_REGISTRY_STORE"
ARTIFACT_ROOT = "_MLFLOW_SERVER_ARTIFACT_ROOT"
ARTIFACT_DESTINATION = "_MLFLOW_SERVER_ARTIFACT_DESTINATION"
SERVE_ARTIFACTS = "_MLFLOW_SERVER_SERVE_ARTIFACTS"
# Called with names of packages, it reads the metadata of all that are installed, which MLflow does once per process.
LOOK_UP_PACKAGES = "mlflow.utils.requirements_utils:warn_dependency_requirement_mismatches"
# Called with a model, it makes the application of `mlflow models serve`.
SCORING_APPLICATION = "mlflow.pyfunc.scoring_server:init"
