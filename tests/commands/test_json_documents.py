"""What commands print with `--json`: an envelope, a schema, and a document of what can't be done, too."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from docs import schema
from lab.base.errors import NotFound
from lab.commands.command import Command, Voice
from lab.commands.json_envelope import enveloped
from lab.commands.json_schemas import commands, schema_of, schemas
from lab.governance.cases.approve import Outcome
from lab.governance.cases.gates import Gate
from lab.governance.checks import Proof
from lab.operations.doctor.finding import Finding, Verdict
from tests.commands.test_cli_governance import run
from tests.support.documents import validate
from tests.support.lab import INVOKE, ROOT
from tests.support.ports import NEVER_STARTED

GATE = Gate("four_eyes", passed=False, detail="owner and approver are one person")
REFUSED = Outcome("approve", "3", False, (GATE,), False, "pending_staging", "pending_staging")


def printed(capsys: pytest.CaptureFixture[str], command: Command[Any], **options: Any) -> Any:
    command.run({"json": True, **options})
    return json.loads(capsys.readouterr().out)


def test_the_schemas_in_the_documentation_are_made_from_the_code() -> None:
    Draft202012Validator.check_schema(schemas())
    assert (ROOT / "docs" / "commands-schema.json").read_text() == schema.text("commands-schema.json")


@pytest.mark.parametrize("name", commands())
def test_a_commands_refusal_fits_its_schema_and_nothing_else_does(name: str) -> None:
    validator = Draft202012Validator(schema_of(name))
    refused = {"schema": 1, "command": name, "ok": False, "error": {"kind": "A", "message": "b", "remedy": ""}}
    validator.validate(refused)
    assert not validator.is_valid({**refused, "error": {"message": "b"}})
    assert not validator.is_valid({"schema": 1, "command": name, "ok": True})
    assert not validator.is_valid("text")


def test_an_object_has_the_envelope_before_the_fields_that_it_always_had(capsys: pytest.CaptureFixture[str]) -> None:
    command = commands()["approve"]._replace(function=lambda _: REFUSED, fixed={})
    document = printed(capsys, command)

    validate("approve", document)
    assert list(document)[:4] == ["schema", "command", "ok", "succeeded"]
    assert (document["ok"], document["allowed"], document["gates"][0]["name"]) == (False, False, "four_eyes")


@pytest.mark.parametrize(
    ("name", "value"),
    [("doctor", [Finding("ports", Verdict.OK, "free")]), ("verify-governance", (Proof("one", True, "seen"),))],
)
def test_a_list_stays_a_list(capsys: pytest.CaptureFixture[str], name: str, value: Any) -> None:
    command = commands()[name]._replace(function=lambda _: value)
    document = printed(capsys, command)

    validate(name, document)
    assert isinstance(document, list)


def test_what_has_no_number_in_json_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    command = commands()["verify-governance"]._replace(function=lambda _: (Proof("one", True, "seen", float("nan")),))
    assert printed(capsys, command)[0]["seconds"] is None


def test_what_cannot_be_done_is_a_document_too(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_: Voice) -> Outcome:
        raise NotFound("There is no version 9.", "Type `mlops-lab`.")

    command = commands()["approve"]._replace(function=fail, fixed={})
    with pytest.raises(NotFound):
        command.run({"json": True})
    document = json.loads(capsys.readouterr().out)

    assert document == {
        "schema": 1,
        "command": "approve",
        "ok": False,
        "error": {"kind": "NotFound", "message": "There is no version 9.", "remedy": "Type `mlops-lab`."},
    }


def test_no_command_has_a_field_of_the_envelope_by_itself() -> None:
    for part, shape in schemas()["$defs"].items():
        if part[0].isupper() and "properties" in shape:
            assert not {"schema", "command", "ok", "error"} & {*shape["properties"]} or part.endswith("Entry"), part


def test_a_list_is_given_no_envelope() -> None:
    assert enveloped("status", [1], 0) == [1]
    assert enveloped("identity add", {"a": 1}, 1) == {"schema": 1, "command": "identity-add", "ok": False, "a": 1}


@pytest.mark.parametrize(
    ("program", "typed", "command"),
    [
        ([INVOKE], ("approve", "--bogus", "--json"), "approve"),
        ([INVOKE], ("aprove", "--json"), ""),
        ([sys.executable, "-m", "lab.cli"], ("identity", "remove", "--json"), "identity-remove"),
        ([sys.executable, "-m", "lab.cli"], ("alerts", "--hours", "many", "--json"), "alerts"),
    ],
)
def test_what_is_not_understood_is_a_document_too(program: list[str], typed: tuple[str, ...], command: str) -> None:
    done = run(program, *typed, env={"PATH": "/usr/bin:/bin"})
    document = json.loads(done.stdout)

    assert done.returncode == 2
    assert (document["command"], document["ok"]) == (command, False)
    assert document["error"]["message"] in done.stderr
    assert document["error"]["remedy"]


# A lab that was never started, and what each command is given so that it gets as far as it can.
GIVEN = {
    "train": ["NoSuch"],
    "cancel": ["12345678"],
    "new-model": ["Loan", "--data", "nowhere.csv", "--target", "y"],
    "restore": ["nowhere.tar.gz"],
    "deploy": ["--env", "dev", "--plan"],
    "approve-deploy": ["--env", "dev", "--reason", "it is right"],
    **{key: ["--version", "1", "--reason", "it is right"] for key in ("approve", "reject", "promote", "archive")},
    "set-criteria": ["--reason", "it is right"],
    "identity-add": ["bob", "--key", "nowhere.pub", "--role", "analyst"],
    "identity-remove": ["bob"],
    "evidence": ["--version", "1"],
}
LONG = {"deploy", "approve-deploy"}  # they ask AWS, or Terraform, first; the tests of deployment validate theirs


@pytest.mark.parametrize("name", sorted({*commands()} - LONG))
def test_a_lab_that_is_down_gives_a_document_of_the_commands_schema(name: str, tmp_path: Path) -> None:
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "LAB_NAME": "nowhere",
        "LAB_HOME": str(tmp_path / "home"),
        "LAB_ENV_FILE": str(tmp_path / "env"),
        "PORT_OFFSET": str(NEVER_STARTED),
        "RUNTIME": "native",
    }
    ours = name in {"alerts", "audit-verify", "audit-close"}
    program = [sys.executable, "-m", "lab.cli", *name.split("-")] if ours else [INVOKE, name]
    done = run(program, *GIVEN.get(name, []), "--json", env=env)

    document = json.loads(done.stdout)
    validate(name, document)
    assert "Traceback" not in done.stderr
    if isinstance(document, dict):
        assert document["ok"] is (done.returncode == 0)
        assert document["command"] == name
    if isinstance(document, dict) and "error" in document:
        assert document["error"]["message"] in done.stderr
