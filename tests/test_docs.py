"""What the documentation says is what the code does: commands, tables, links, settings."""

import argparse
import copy
import functools
import gzip
import re
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values
from invoke.collection import Collection
from invoke.tasks import Task

import tasks
from docs import tables
from lab.cli import _parser
from lab.envfile import SECRETS
from lab.settings import Settings
from tests.support.contracts import CONTRACT

ROOT = Path(__file__).resolve().parents[1]
# Hosts of package registries belong into a machine's configuration, and paths of one machine nowhere.
FORBIDDEN = re.compile(
    r"pypi\.org|pythonhosted\.org|deb\.debian\.org|registry\.npmjs\.org|proxy\.golang\.org|/work/|/root/"
)
# A command as it is written for a user: in code spans, fences and messages.
COMMAND = re.compile(r"(?:\./run|\binvoke) +(?P<words>(?:[\w./:<>=-]+ *)+)")
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")


@functools.cache
def tracked() -> tuple[Path, ...]:
    """Every text file of the project, packed ones too, by git or, in an unpacked archive, by walking."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        hidden = re.compile(r"/(\.(venv|uv|lab|nox|git)|[^/]*_cache|__pycache__)/")
        paths = [path for path in ROOT.rglob("*") if not hidden.search(f"{path}/")]
    return tuple(path for path in paths if path.is_file() and path.suffix not in {".png", ".gif", ".csv"})


def documents() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@functools.cache
def known_tasks() -> dict[str, Task[Any]]:
    collection = Collection.from_module(tasks)
    return {name: collection[name] for name in collection.task_names}


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each task that a text tells its reader to type, with its options."""
    for found in COMMAND.finditer(text):
        # What stands behind a lone -- is the command that `exec` runs.
        words = found["words"].partition(" -- ")[0].split()
        for word in words:
            if word == "--list" or not re.fullmatch(r"[a-z][a-z-]*", word):
                break
            # `up demo-run` is two tasks; `logs mlflow` is one and its argument.
            yield word, [option.partition("=")[0] for option in words if option.startswith("--")]
            if known_tasks().get(word) and known_tasks()[word].positional:
                break


def options(task: Task[Any]) -> set[str]:
    # Invoke takes the explanations out of a task when it is asked for its arguments; other tests want them, too.
    asked = copy.copy(task)
    asked.help = dict(task.help)
    names = {name for argument in asked.get_arguments() for name in (argument.name, *argument.names) if name}
    return {f"--{name.replace('_', '-')}" for name in names}


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_every_command_in_a_document_exists(document: Path) -> None:
    for line in fenced_and_spans(document.read_text()):
        for task, flags in commands(line):
            assert task in known_tasks(), line
            assert set(flags) <= options(known_tasks()[task]), line


def fenced_and_spans(text: str) -> Iterator[str]:
    """The code of a document: what stands in fences, by line, and what stands in back-ticks."""
    fences = re.findall(r"^```(?:sh)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for fence in fences:
        yield from (line.partition("#")[0] for line in fence.splitlines())
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_every_module_named_in_a_document_exists(document: Path) -> None:
    known = [f"/{path.relative_to(ROOT)}" for path in tracked()]
    named = re.findall(r"`([\w./-]+\.py)`", document.read_text())
    assert not [name for name in named if not any(path.endswith(f"/{name}") for path in known)]


def test_every_command_in_a_message_exists() -> None:
    folders = ("lab", "pipelines", "exporters", "stack")
    sources = [
        path for path in tracked() if path.relative_to(ROOT).parts[0] in folders and path.suffix in {".py", ".yml"}
    ]
    told = {
        task: name_of(path)
        for path in sources
        for span in re.findall(r"`([^`\n]+)`", path.read_text())
        for task, _ in commands(span)
    }
    assert "up" in told
    assert told.keys() <= known_tasks().keys(), told


def test_the_page_of_commands_names_every_task() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    shown = {task for span in fenced_and_spans(page) for task, _ in commands(span)}
    by_hand = {task for span in fenced_and_spans(page.partition("<!-- table")[0]) for task, _ in commands(span)}
    assert set(known_tasks()) <= shown
    assert set(known_tasks()) - by_hand == set(), "say what it is for under `Every day`"


def test_readme_is_read_in_minutes() -> None:
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) <= 150
    assert "./run up demo-run" in readme
    assert "./run test" in readme
    assert "docs/images/story.gif" in readme


def test_unknown_command_is_noticed() -> None:
    assert [task for task, _ in commands("./run up launch")] == ["up", "launch"]
    assert "launch" not in known_tasks()


def parser_options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Options of a command and of its subcommands."""
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from parser_options(each)


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_options_of_the_console_command_exist(document: Path) -> None:
    known = set(parser_options(_parser().whole()))
    for span in fenced_and_spans(document.read_text()):
        if span.startswith("mlops-lab "):
            assert {word for word in span.split() if word.startswith("--")} <= known, span


@pytest.mark.parametrize(("file", "table"), [(file, table) for file, (table, _) in tables.TABLES.items()])
def test_table_is_made_from_the_code(file: str, table: str) -> None:
    text = (ROOT / file).read_text()
    _, make = tables.TABLES[file]
    assert tables.filled(text, table, make()) == text, "type `python docs/tables.py`"


def test_example_has_exactly_the_settings_with_their_defaults() -> None:
    example = dotenv_values(ROOT / ".env.example")
    assert {name.lower() for name in example} == set(Settings.model_fields)
    for name, value in example.items():
        default = Settings.model_fields[name.lower()].default
        assert value == ("" if name in SECRETS or default is None else str(default)), name


def anchors(document: Path) -> set[str]:
    """GitHub's anchors of a document's headings."""
    headings = re.findall(r"^#+ +(.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_relative_links_resolve(document: Path) -> None:
    for target in LINK.findall(document.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (document.parent / path) if path else document
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


def test_every_alert_has_its_runbook() -> None:
    rules = (ROOT / "stack" / "prometheus" / "alert_rules.yml").read_text()
    alerts = set(re.findall(r"- alert: (\w+)", rules))
    assert alerts
    assert {alert.lower() for alert in alerts} <= anchors(ROOT / "docs" / "runbooks.md")


def test_no_machine_of_ours_is_named() -> None:
    itself = Path(__file__)
    for path in tracked():
        if path.name == "uv.lock" or path == itself:
            continue
        body = path.read_bytes()
        # A backup holds more than text.
        text = (gzip.decompress(body) if path.suffix == ".gz" else body).decode(errors="replace")
        found = FORBIDDEN.search(text)
        assert not found, f"{name_of(path)}: {found[0] if found else ''}"


# Laws and guidance by the names that people search for.
RULES = re.compile(r"AI Act|2024/1689|\bSR \d\d-\d|\bOCC (?:Bulletin )?20\d\d-\d+")
MAPPING = ROOT / "lab" / "governance" / "cases" / "evidence" / "mapping.md"


def test_what_rules_ask_for_stands_in_one_file() -> None:
    """What the law asks for changes: in a second place it would be forgotten."""
    allowed = {MAPPING, Path(__file__), ROOT / "CHANGELOG.md"}
    for path in tracked():
        if path not in allowed and path.suffix in {".md", ".py", ".yaml", ".yml", ".html"}:
            assert not RULES.search(path.read_text()), name_of(path)


def test_each_rule_is_dated_and_says_its_sources() -> None:
    _, *sections = MAPPING.read_text().split("\n## ")
    assert len(sections) >= 2
    for section in sections:
        title = section.splitlines()[0]
        read = re.search(r"\*Read on (\d{4}-\d\d-\d\d)\.\*", section)
        assert read, title
        assert date.fromisoformat(read[1]) <= date.today(), title
        assert "Sources:" in section, title


def test_rescinded_guidance_is_named_only_as_rescinded() -> None:
    sentences = MAPPING.read_text().replace("\n", " ").split(". ")
    rescinded = [one for one in sentences if "11-7" in one or "2011-12" in one]
    assert rescinded
    assert all("rescinded" in one for one in rescinded)


def test_documents_dont_deny_that_model_files_are_audited() -> None:
    for document in documents():
        text = " ".join(document.read_text().split())
        assert not re.search(r"model's files (aren't|are not)|data are audited, files aren't", text), name_of(document)


# What may speak of the shipped model: it, its data, what documents and what measures or tests the lab with it.
SHIPPED = ("pipelines/", "data/", "docs/", "tests/", "benchmarks/", "README.md", "CHANGELOG.md", "CONTRIBUTING.md")


def test_nothing_of_the_platform_knows_the_shipped_model() -> None:
    """Or another model's evidence, screen or alert would speak of it."""
    columns = CONTRACT.columns.items()
    labels = [label for _, column in columns for label in column.values]
    # A word alone, as `purpose`, means other things elsewhere.
    words = [word for word in (*CONTRACT.columns, *labels) if re.search(r"\w[_ ]\w", word)]
    known = re.compile("|".join(["credit", "applicant", *map(re.escape, words)]), re.IGNORECASE)
    for path in tracked():
        if not name_of(path).startswith(SHIPPED) and path.suffix not in {".lock", ".gz", ".svg"}:
            found = known.search(path.read_text(encoding="utf-8", errors="replace"))
            assert not found, f"{name_of(path)} has {found[0]!r}"
