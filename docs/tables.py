"""Writes the tables of the documentation from the code that they describe: `python docs/tables.py`."""

import re
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from docs.modules import FOLDERS  # noqa: E402 - run as a file, it must find the package first
from lab.base.catalogue import CATALOGUE, ServiceSpec  # noqa: E402
from lab.commands.command import Command, Parameter  # noqa: E402
from lab.commands.table import SUBCOMMANDS, TASKS  # noqa: E402
from lab.envfile import SECRETS  # noqa: E402
from lab.models.contract import Column, Contract, Drift, Fairness, Resources, Split  # noqa: E402
from lab.models.groups import MEASURES  # noqa: E402
from lab.models.metrics import METRICS  # noqa: E402
from lab.settings import Settings  # noqa: E402


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; `|` in a cell is escaped."""
    lines = [head, ["---" for _ in head], *rows]
    escaped = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in escaped)


def catalogue() -> str:
    """Every service of the catalogue."""
    return table(("service", "what it is", "port", "healthy when this works"), [_service(spec) for spec in CATALOGUE])


def _service(spec: ServiceSpec) -> tuple[str, ...]:
    port = "–" if spec.port is None else str(spec.port)
    optional = " (optional)" if spec.optional else ""
    return (f"`{spec.name}`{optional}", f"{spec.title}: {spec.purpose}", port, spec.probe)


def commands() -> str:
    """Every command, with its options."""
    every = {one.name: one for one in (*TASKS, *SUBCOMMANDS)}
    return table(("type", "what it does", "options"), [_command(one) for _, one in sorted(every.items())])


def _command(one: Command[Any]) -> tuple[str, ...]:
    forms = [f"`invoke {one.name.replace(' ', '-')}`"] if one in TASKS else []
    forms += [f"`mlops-lab {one.name}`"] if one in SUBCOMMANDS else []
    return (", ".join(forms), one.help.replace("`", ""), ", ".join(_option(each) for each in one.parameters))


def _option(one: Parameter) -> str:
    if one.option.bare:
        return f"`{one.option.metavar or one.name.upper()}`"
    value = "" if one.kind is bool else f" {one.option.metavar or one.name.upper()}"
    return f"`--{one.flag}{value}`"


def settings() -> str:
    """Every variable of `.env`."""
    rows = []
    for field, info in Settings.model_fields.items():
        name = field.upper()
        default = "random" if name in SECRETS else "empty" if info.default in {None, ""} else f"`{info.default}`"
        rows.append((f"`{name}`", default, str(info.description)))
    return table(("variable", "default", "what it means"), rows)


def contract() -> str:
    """Every field of a model's contract, and of a column in it; then every metric, then every measure."""
    parts: tuple[tuple[type[BaseModel], str], ...] = (
        (Contract, ""),
        (Column, "columns.<name>."),
        (Split, "split."),
        (Fairness, "fairness."),
        (Drift, "drift."),
        (Resources, "resources."),
    )
    fields = [row for part, prefix in parts for row in _fields(part, prefix)]
    return f"{table(('field', 'needed', 'what it means'), fields)}\n\n{metrics()}\n\n{measures()}"


def metrics() -> str:
    """Every metric of each task."""
    rows = [
        (
            str(task),
            f"`{name}`",
            "higher" if one.more_is_better else "lower",
            one.meaning,
            "" if one.usual else "if named",
        )
        for task, known in METRICS.items()
        for name, one in known.items()
    ]
    return table(("task", "metric", "better is", "what it is", "computed"), rows)


def measures() -> str:
    """Every measure by which groups of people are compared."""
    rows = [(", ".join(map(str, one.tasks)), f"`{name}`", one.meaning) for name, one in MEASURES.items()]
    return table(("task", "measure", "what may not differ between groups"), rows)


def _fields(part: type[BaseModel], prefix: str) -> Iterator[tuple[str, ...]]:
    for name, info in part.model_fields.items():
        yield f"`{prefix}{name}`", "yes" if info.is_required() else "", str(info.description)


def keys() -> str:
    """Every key of the screen."""
    from docs.keys import by_place

    return table(("where", "keys"), by_place())


def interface(folder: str) -> str:
    """What a module of Terraform takes and gives."""
    from docs.modules import outputs, variables

    taken = table(("variable", "type", "default", "what it means"), variables(folder))
    return f"{taken}\n\n{table(('output', 'what it is'), outputs(folder))}"


def modules() -> str:
    """What each folder of terraform/ is for."""
    from docs.modules import purpose

    return table(("folder", "what it is for"), [(f"[{name}]({name}/README.md)", purpose(name)) for name in FOLDERS])


def gaps() -> str:
    """What the emulator of AWS lacks, and the tests make up for."""
    from tests.support.aws.gaps import GAPS

    return table(("resource", "what the emulator does"), [(f"`{gap.resource}`", gap.reason) for gap in GAPS])


TABLES = {
    "docs/architecture.md": ("catalogue", catalogue),
    "docs/commands.md": ("commands", commands),
    "docs/settings.md": ("settings", settings),
    "docs/models.md": ("contract", contract),
    "docs/screen.md": ("keys", keys),
    "docs/aws.md": ("gaps", gaps),
    "terraform/README.md": ("modules", modules),
    **{f"terraform/{folder}/README.md": ("interface", partial(interface, folder)) for folder in FOLDERS},
}


def filled(text: str, name: str, content: str) -> str:
    """`text` with `content` between the marks of the table `name`. Raises ValueError without those marks."""
    begin, end = f"<!-- table: {name} -->\n", f"<!-- end: {name} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"there are no marks of the table {name}")
    return pattern.sub(lambda _: f"{begin}{content}\n{end}", text)


def main() -> None:
    """Rewrites the files."""
    for file, (name, make) in TABLES.items():
        path = ROOT / file
        path.write_text(filled(path.read_text(), name, make()))


if __name__ == "__main__":
    main()
