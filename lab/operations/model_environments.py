"""Which models have packages of their own, whether these are installed, and their installation."""

from collections.abc import Callable
from dataclasses import dataclass

from lab.base.catalogue import Service
from lab.base.errors import LabError
from lab.config import LabConfig
from lab.models.environment import environment_of
from lab.models.environment_in_containers import FOLDER as CONTAINERS
from lab.models.environment_in_containers import QUESTION, Interpreter, is_made, make
from lab.models.environment_making import FOLDER, prepared, python_in
from lab.models.model_folder import Model
from lab.runtime.compose.engine import Compose
from lab.runtime.lab_marker import COMPOSE, runtime_name


@dataclass(frozen=True)
class EnvironmentState:
    """Of one model with packages of its own; `problem` says why its code can't run, and `remedy` what to do."""

    lock_hash: str = ""
    ready: bool = False
    problem: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        return f"own, {'unusable' if self.problem else 'ready' if self.ready else 'not installed yet'}"


def state_of(config: LabConfig, model: Model) -> EnvironmentState | None:
    """None for a model that runs with the lab's packages. Reads two small files, raises nothing."""
    try:
        own = environment_of(model.folder)
        if own is None:
            return None
        own.check()
    except LabError as err:
        return EnvironmentState(problem=err.message, remedy=err.remedy)
    if runtime_name(config) == COMPOSE:
        return EnvironmentState(own.lock_hash, is_made(own, config.home / CONTAINERS))
    return EnvironmentState(own.lock_hash, python_in(config.home / FOLDER, own.lock_hash) is not None)


def prepare(config: LabConfig, model: Model, say: Callable[[str], object]) -> None:
    """Installs the model's own packages, if it has any and they aren't there. Raises LabError."""
    state = state_of(config, model)
    if state is None:
        return
    if state.problem:
        raise LabError(state.problem, state.remedy)
    if (own := environment_of(model.folder)) is None:
        return
    if runtime_name(config) == COMPOSE:
        # Asked each time: an image that is built anew may have another interpreter.
        make(own, _interpreter(config), config.home / CONTAINERS, config.root, say)
    elif not state.ready:
        prepared(own, config.home / FOLDER, config.root, say)


def _interpreter(config: LabConfig) -> Interpreter:
    """The Python of the daemon's container, whose image is that of each run. Raises LabError when it isn't running."""
    said = Compose(config.home / "compose" / "compose.env").answer(Service.DAGSTER_DAEMON, ["python", "-c", QUESTION])
    try:
        return Interpreter.told(said)
    except ValueError:
        raise LabError(
            f"The container {Service.DAGSTER_DAEMON} says nothing of its Python that can be read: {said[:200]!r}.",
            "Type `invoke build`, then `invoke up`: its image may be of other code than this.",
        ) from None
