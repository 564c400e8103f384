"""The example that `mlops-lab config` writes: every line a comment, made from the fields that the judge knows."""

from collections.abc import Iterator, Mapping

from lab.screen.user.fields import COMMAND, LAYOUT, PANEL, PANELS, TOP, Field
from lab.screen.user.placeholders import ANYWHERE, NAMES
from lab.views import COLUMNS

_TOP = {"theme": '"nord"', "bell": "true", "start": '"runs"'}
_LAYOUT = {"left": '["services", "audit"]', "right": '["runs", "models", "drift"]', "widths": "[5, 4]"}
_PANEL = {"columns": '["run", "status", "owner", "took"]', "sort": '"-took"', "share": "2"}
_COMMAND = {
    "key": '"ctrl+o"',
    "title": '"Ask the owner"',
    "panel": '"models"',
    "argv": '["mail", "-s", "version {version} of {model}", "--", "{owner}"]',
    "confirm": "true",
    "changes": "true",
    "output": '"terminal"',
}


def example() -> str:
    """The file."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# The screen of mlops-lab, as you want it. What is left out is as it is for everybody."
    yield "# mlops-lab config --check says what is wrong here; mlops-lab config --keys lists the names of keys."
    yield "# What stands here is how the screen starts; the rest is remembered from the last time."
    yield ""
    yield from _fields(_TOP, TOP)
    yield "\n# [layout]"
    yield from _fields(_LAYOUT, LAYOUT)
    yield "\n# The columns of each panel:"
    for name in PANELS:
        yield f"#   {name}: {', '.join(column.key for column in COLUMNS[name])}"
    yield "# [panels.runs]"
    yield from _fields(_PANEL, PANEL)
    yield "\n# [keys]"
    yield '# refresh = "f5"'
    yield '# down = ["down", "ctrl+n"]'
    yield "\n# Commands of your own. They run as you, without a shell: each word of argv is one argument, whatever a"
    yield "# placeholder holds. They are left out while others can write this file."
    yield f"# Placeholders everywhere: {', '.join(f'{{{one}}}' for one in ANYWHERE)}"
    for name in PANELS:
        yield f"#   {name}: {', '.join(f'{{{one}}}' for one in NAMES[name])}"
    yield "# [[command]]"
    yield from _fields(_COMMAND, COMMAND)


def _fields(values: Mapping[str, str], fields: Mapping[str, Field]) -> Iterator[str]:
    for name, value in values.items():
        yield f"# {name} = {value}  # {fields[name].help}"
