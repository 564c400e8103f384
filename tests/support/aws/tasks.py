"""Tasks of ECS that really run, in the emulator's process: each as a process of this machine, as its task role.

moto keeps a task as a name. Here it gets the command, variables and secrets of its definition, and credentials as ECS
hands them out: from an address that it is told, for the role of the definition.
"""

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3

CALLS = "run-task.jsonl"
_LOOPBACK = "127.0.0.1"
# ECS waits as long for a task that was asked to end.
_STOP_S = 60.0


@dataclass
class Tasks:
    """The tasks of one emulator; what they say, and the calls that started them, lie in `folder`."""

    folder: Path
    url: str
    region: str
    address: str = ""
    # By task, made before it begins: an SDK waits two seconds for an answer.
    given: dict[str, bytes] = field(default_factory=dict)
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    # A process ends with the thread that started it, and so it mustn't be one that answers a request.
    starter: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    def serve_credentials(self) -> None:
        """As ECS does beside each task: whoever asks under a task's id gets credentials of its role."""
        tasks = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(tasks.given[self.path.strip("/")])

            def log_message(self, *_: object) -> None: ...

        server = ThreadingHTTPServer((_LOOPBACK, 0), Handler)
        self.address = f"http://{_LOOPBACK}:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def client(self, service: str) -> Any:
        session = boto3.Session("test", "test", region_name=self.region)
        return session.client(service, endpoint_url=self.url)

    def credentials(self, role: str) -> dict[str, Any]:
        given = self.client("sts").assume_role(RoleArn=role, RoleSessionName="task")["Credentials"]
        return {
            "RoleArn": role,
            "AccessKeyId": given["AccessKeyId"],
            "SecretAccessKey": given["SecretAccessKey"],
            "Token": given["SessionToken"],
            "Expiration": given["Expiration"].isoformat(),
        }

    def secret(self, reference: str, role: str) -> str:
        """As ECS reads it for a container: with the execution role; `…:key::` names a value in JSON."""
        given = self.credentials(role)
        session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["Token"], self.region)
        arn, key = ":".join(reference.split(":")[:7]), [*reference.split(":")[7:], ""][0]
        text = session.client("secretsmanager", endpoint_url=self.url).get_secret_value(SecretId=arn)["SecretString"]
        return str(json.loads(text)[key] if key else text)

    def environment(self, task: Any, definition: Any, override: dict[str, Any]) -> dict[str, str]:
        """What the container finds."""
        (container,) = definition.container_definitions
        given = [*container.get("environment", []), *override.get("environment", [])]
        secrets = {
            one["name"]: self.secret(one["valueFrom"], definition.execution_role_arn)
            for one in container.get("secrets", [])
        }
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.address}/{task.id}",
            **{one["name"]: one["value"] for one in given},
            **secrets,
        }

    def begin(self, task: Any, definition: Any) -> None:
        """Runs the task's command."""
        (override,) = task.overrides.get("containerOverrides") or [{}]
        self.given[task.id] = json.dumps(self.credentials(definition.task_role_arn)).encode()
        command = override.get("command") or definition.container_definitions[0]["command"]
        environment = self.environment(task, definition, override)
        process = self.starter.submit(self._start, task.id, command, environment).result()
        self.processes[task.id] = process
        threading.Thread(target=_watch, args=(task, process), daemon=True).start()

    def _start(self, task_id: str, command: list[str], environment: dict[str, str]) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{task_id}.log").open("wb") as log:
            return subprocess.Popen(
                # It ends with the emulator, however that ended.
                ["setpriv", "--pdeathsig", "KILL", *command],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def stop(self, task: Any) -> None:
        """Asks its process to end, and makes it end after a while."""
        if (process := self.processes.get(task.id)) and process.poll() is None:
            process.terminate()
            threading.Timer(_STOP_S, process.kill).start()


def _watch(task: Any, process: "subprocess.Popen[bytes]") -> None:
    code = process.wait()
    (container,) = task.containers
    container.exitCode, container.last_status = code, "STOPPED"
    task.stop_code = "EssentialContainerExited"
    task.stopped_reason = task.stopped_reason or "Essential container in task exited"
    task.status = task.last_status = task.desired_status = "STOPPED"


def run_them(tasks: Tasks) -> None:
    """Makes moto's tasks run, in the process that serves."""
    from moto.ecs.models import EC2ContainerServiceBackend as Backend
    from moto.ecs.models import Task
    from moto.ecs.responses import EC2ContainerServiceResponse as Response

    run, stop, ask = Backend.run_task, Backend.stop_task, Response.run_task

    def run_task(self: Any, *arguments: Any, **options: Any) -> Any:
        begun = run(self, *arguments, **options)
        for task in begun:
            tasks.begin(task, self.describe_task_definition(task.task_definition_arn))
        return begun

    def stop_task(self: Any, cluster: str, name: str, reason: str) -> Any:
        task = stop(self, cluster, name, reason)
        tasks.stop(task)
        return task

    def asked(self: Any) -> Any:
        with (tasks.folder / CALLS).open("a") as calls:
            calls.write(json.dumps(json.loads(self.body)) + "\n")
        return ask(self)

    tasks.serve_credentials()
    for where, name, value in (
        (Backend, "run_task", run_task),
        (Backend, "stop_task", stop_task),
        (Response, "run_task", asked),
        # It would go on to its end by being looked at.
        (Task, "advance", lambda self: None),
        # It asks each container for its memory, which stands at the task.
        (Backend, "_calculate_task_resource_requirements", staticmethod(lambda _: {})),
    ):
        setattr(where, name, value)
