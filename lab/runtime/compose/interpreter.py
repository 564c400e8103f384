"""Which Python the containers of runs have."""

from lab.base.catalogue import Service
from lab.base.errors import LabError
from lab.config import LabConfig
from lab.models.environment_in_containers import QUESTION, Interpreter
from lab.runtime.compose.engine import Compose


def interpreter(config: LabConfig) -> Interpreter:
    """The one of the daemon's container, whose image is that of each run. Raises LabError when it isn't running."""
    said = Compose(config.home / "compose" / "compose.env").answer(Service.DAGSTER_DAEMON, ["python", "-c", QUESTION])
    try:
        return Interpreter.told(said)
    except ValueError:
        raise LabError(f"The container {Service.DAGSTER_DAEMON} says of its Python: {said[:200]}") from None
