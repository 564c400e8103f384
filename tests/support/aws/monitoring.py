"""What the emulator has nothing of: Managed Grafana, and the alert manager of Managed Prometheus."""

import json
import re
import sys
import time
import types
import uuid
from typing import Any
from urllib.parse import unquote

Answer = tuple[int, dict[str, str], str]
_MODULE = "moto.grafana"
_HOST = r"https?://grafana\.(.+)\.amazonaws\.com"


def grafana() -> None:
    """A service of its own, entered where moto keeps its services."""
    from moto import backend_index
    from moto.core.base_backend import BackendDict, BaseBackend

    class GrafanaBackend(BaseBackend):
        """Knows nothing; moto wants one for each service."""

    GrafanaBackend.__module__ = f"{_MODULE}.models"
    backends = BackendDict(
        GrafanaBackend, "grafana", use_boto3_regions=False, additional_regions=["eu-west-1", "us-east-1"]
    )
    package, models, urls = (types.ModuleType(f"{_MODULE}{part}") for part in ("", ".models", ".urls"))
    package.__path__ = []
    for module in (package, models):
        setattr(module, "grafana_backends", backends)  # noqa: B010 - the module is made here
    setattr(urls, "url_bases", [_HOST])  # noqa: B010
    workspaces = Workspaces()
    paths = ("workspaces$", "workspaces/(?P<id>[^/]+)$", "workspaces/(?P<id>[^/]+)/configuration$", "tags/(?P<arn>.+)$")
    setattr(urls, "url_paths", {f"{{0}}/{path}": workspaces.answer for path in paths})  # noqa: B010
    sys.modules |= {_MODULE: package, f"{_MODULE}.models": models, f"{_MODULE}.urls": urls}
    backend_index.backend_url_patterns.append(("grafana", re.compile(_HOST)))


def alert_manager() -> None:
    from moto.amp import urls

    definitions: dict[str, dict[str, Any]] = {}

    def answer(request: Any, url: str, _headers: Any) -> tuple[int, dict[str, str], str]:
        found = re.search(r"/workspaces/([^/]+)/", url)
        workspace = found.group(1) if found else ""
        if request.method in {"POST", "PUT"}:
            now, active = time.time(), {"statusCode": "ACTIVE"}
            data = json.loads(request.data)["data"]
            definitions[workspace] = {"data": data, "createdAt": now, "modifiedAt": now, "status": active}
            return 202, {}, json.dumps({"status": active})
        if workspace not in definitions:
            missing = {"message": "not found", "resourceId": workspace, "resourceType": "alertmanager"}
            return 404, {"x-amzn-ErrorType": "ResourceNotFoundException"}, json.dumps(missing)
        if request.method == "DELETE":
            del definitions[workspace]
            return 202, {}, "{}"
        return 200, {}, json.dumps({"alertManagerDefinition": definitions[workspace]})

    urls.url_paths["{0}/workspaces/(?P<workspace_id>[^/]+)/alertmanager/definition$"] = answer  # type: ignore[assignment]


class Workspaces:
    """Every workspace, by its id."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any]] = {}

    def answer(self, request: Any, url: str, _headers: Any) -> Answer:
        path = url.partition("?")[0]
        if "/tags/" in path:
            owners = (one for one in self._known.values() if one["arn"] in unquote(path))
            return 200, {}, json.dumps({"tags": next((one["tags"] for one in owners), {})})
        if path.endswith("/workspaces"):
            if request.method == "GET":
                return 200, {}, json.dumps({"workspaces": list(self._known.values())})
            return self._create(json.loads(request.data))
        name = re.sub(r".*/workspaces/([^/]+).*", r"\1", path)
        if name not in self._known:
            missing = {"message": "not found", "resourceId": name, "resourceType": "workspace"}
            return 404, {"x-amzn-ErrorType": "ResourceNotFoundException"}, json.dumps(missing)
        if path.endswith("/configuration"):
            version = self._known[name]["grafanaVersion"]
            return 200, {}, json.dumps({"configuration": "{}", "grafanaVersion": version})
        if request.method == "DELETE":
            return 202, {}, json.dumps({"workspace": self._known.pop(name) | {"status": "DELETING"}})
        return 200, {}, json.dumps({"workspace": self._known[name]})

    def _create(self, asked: dict[str, Any]) -> Answer:
        name, now = f"g-{uuid.uuid4().hex[:10]}", time.time()
        self._known[name] = {
            "id": name,
            "arn": f"arn:aws:grafana:eu-west-1:123456789012:/workspaces/{name}",
            "name": asked.get("workspaceName", ""),
            "description": asked.get("workspaceDescription", ""),
            "accountAccessType": asked["accountAccessType"],
            "permissionType": asked["permissionType"],
            "authentication": {
                "providers": asked["authenticationProviders"],
                "samlConfigurationStatus": "NOT_CONFIGURED",
            },
            "dataSources": asked.get("workspaceDataSources", []),
            "workspaceRoleArn": asked.get("workspaceRoleArn"),
            "endpoint": f"{name}.grafana-workspace.eu-west-1.amazonaws.com",
            "grafanaVersion": asked.get("grafanaVersion", "10.4"),
            "status": "ACTIVE",
            "created": now,
            "modified": now,
            "tags": asked.get("tags", {}),
            "notificationDestinations": [],
        }
        return 202, {}, json.dumps({"workspace": self._known[name]})
