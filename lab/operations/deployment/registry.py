"""The images of a deployment: which of them the environment's registry has, and building and pushing the others."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.base.errors import LabError
from lab.base.progress import Progress, Report, watched
from lab.base.source_code import code_version
from lab.operations.deployment.aws_account import Account, understood
from lab.runtime.compose.engine import engine
from lab.runtime.images.docker_build import Recipe, build_image
from lab.runtime.images.image_names import OURS, PYTHON_IMAGE, pins_file, read, tag

if TYPE_CHECKING:
    from docker import DockerClient

# AWS's collector of metrics goes into the same registry under the same tag.
COLLECTOR = "public.ecr.aws/aws-observability/aws-otel-collector:v0.49.0"
IMAGES = (*OURS, "collector")
# Says in the image itself which commit it is of; the workflow `images` compares it.
REVISION_LABEL = "org.opencontainers.image.revision"
_CALL_S = 600.0


@dataclass(frozen=True)
class Found:
    """What the registry has under a tag: digests by image, those without one, and repositories that aren't there."""

    digests: Mapping[str, str]
    missing: tuple[str, ...]
    unmade: tuple[str, ...]


@dataclass(frozen=True)
class Registry:
    """The registry of an environment. Methods raise LabError."""

    account: Account

    def find(self, image_tag: str) -> Found:
        """Asks for each image."""
        ecr = self.account.client("ecr")
        digests: dict[str, str] = {}
        missing, unmade = [], []
        for image in IMAGES:
            asked = {"repositoryName": self._name(image), "imageIds": [{"imageTag": image_tag}]}
            with understood(f"looking for images in {self.account.target.name}"):
                try:
                    digests[image] = str(ecr.describe_images(**asked)["imageDetails"][0]["imageDigest"])
                except ecr.exceptions.RepositoryNotFoundException:
                    unmade.append(image)
                except (ecr.exceptions.ImageNotFoundException, IndexError):
                    missing.append(image)
        return Found(digests, tuple(missing), tuple(unmade))

    def push(self, images: tuple[str, ...], image_tag: str, source: Path, report: Report) -> None:
        """Builds `images` from the files in `source`, the commit of that id, and pushes them under it as their tag."""
        with closing(engine(_CALL_S)) as client, self._login() as (host, login):
            for image in images:
                name = self._built(client, image, image_tag, source, report)
                repository = f"{host}/{self._name(image)}"
                client.images.get(name).tag(repository, image_tag)
                report(Progress(image, "starting", f"pushing to {repository}"))
                said = client.images.push(repository, image_tag, auth_config=dict(login), stream=True, decode=True)
                problem = next((str(line["error"]) for line in said if line.get("error")), "")
                self._judge(image, f"{repository}:{image_tag}", problem, report)

    def _judge(self, image: str, pushed: str, problem: str, report: Report) -> None:
        """A tag is written once: a workflow may have pushed the same commit while it was built here."""
        if not problem:
            report(Progress(image, "success", f"pushed {pushed}"))
        elif digest := self.find(pushed.rpartition(":")[2]).digests.get(image):
            report(
                Progress(image, "success", f"left as it is, pushed by somebody else meanwhile: {pushed} is {digest}")
            )
        else:
            raise LabError(f"{pushed} can't be pushed: {problem}.", "Try again.")

    def _built(self, client: "DockerClient", image: str, image_tag: str, source: Path, report: Report) -> str:
        if image not in OURS:
            report(Progress(image, "starting", f"pulling {COLLECTOR}"))
            client.images.pull(COLLECTOR)
            return COLLECTOR
        arguments = {"BASE_IMAGE": read(pins_file(source))[PYTHON_IMAGE]}
        if image == "pipelines":
            arguments["CODE_VERSION"] = f"git:{image_tag} {code_version(source)}"
        dockerfile = source / "stack" / "images" / image / "Dockerfile"
        labels = {REVISION_LABEL: image_tag}
        recipe = Recipe(image, dockerfile, source, arguments, lab_label=False, labels=labels)
        build_image(recipe, image_tag, client, watched(report))
        return tag(image, image_tag)

    def _name(self, image: str) -> str:
        return f"{self.account.target.name}/{image}"

    @contextmanager
    def _login(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        from docker.errors import DockerException

        with understood("a login to the registry"):
            given = self.account.client("ecr").get_authorization_token()["authorizationData"][0]
        user, _, password = base64.b64decode(given["authorizationToken"]).decode().partition(":")
        try:
            yield given["proxyEndpoint"].partition("://")[2], {"username": user, "password": password}
        except DockerException as err:
            raise LabError(
                f"An image can't be pushed: {err}.", "Check the network and the engine, then try again."
            ) from None
