"""The policy's file, read from disk, and the one that every lab starts with."""

import itertools
from pathlib import Path

import pytest

from lab import wiring
from lab.base.errors import SettingsError
from lab.governance.rules.policy import Action, Actor, Environment, Role, combined_hash
from lab.governance.rules.policy_file import MAX_BYTES, hash_in_force, read_policy

DEFAULT = Path(__file__).resolve().parents[2] / "stack" / "governance" / "policy.yaml"
VARIABLES = {
    "ALLOWED_STAGING_ROLES": "data-scientist,ml-engineer,risk-officer,platform-admin",
    "ALLOWED_PROD_ROLES": "ml-engineer,platform-admin",
}
AN, DS, ML, RO, PA = Role


def everywhere(roles: set[Role]) -> dict[str, set[Role]]:
    return dict.fromkeys(Environment, roles)


WHO = {
    "run": {"dev": {AN, DS, ML, RO, PA}, "staging": {DS, ML, RO, PA}, "prod": {ML, PA}},
    "approve": everywhere({RO, PA}),
    "reject": everywhere({RO, PA}),
    "promote": everywhere({ML, PA}),
    "archive": everywhere({ML, RO, PA}),
    "baseline": {"dev": {DS, ML, RO, PA}, "staging": {RO, PA}, "prod": {RO, PA}},
    "criteria": {"dev": {DS, ML, RO, PA}, "staging": {RO, PA}, "prod": {RO, PA}},
    "identity": everywhere({PA}),
    "deploy": {"dev": {DS, ML, PA}, "staging": {ML, PA}, "prod": {ML, PA}},
    "approve-deploy": everywhere({RO, PA}),
}


@pytest.mark.parametrize(("role", "environment", "action"), list(itertools.product(Role, Environment, Action)))
def test_the_default_policy_decides_every_case(role: Role, environment: Environment, action: Action) -> None:
    decision = read_policy(DEFAULT, VARIABLES).decide(Actor("ann", role, environment), action)
    assert decision.allowed == (role in WHO[action][environment])


def test_nobody_both_judges_and_builds_but_the_administrator() -> None:
    policy = read_policy(DEFAULT, VARIABLES)
    for role, environment in itertools.product(set(Role) - {PA}, Environment):
        actor = Actor("ann", role, environment)
        assert not (policy.decide(actor, Action.APPROVE).allowed and policy.decide(actor, Action.PROMOTE).allowed)


def test_the_default_policy_wants_signatures_outside_dev() -> None:
    policy = read_policy(DEFAULT, VARIABLES)
    assert [policy.signature_required(one) for one in Environment] == [False, True, True]


def test_settings_name_the_policy_and_its_roles(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(DEFAULT.read_text().replace("ALLOWED_PROD_ROLES\n", "ALLOWED_STAGING_ROLES\n"))
    environ = {"LAB_ENV_FILE": str(tmp_path / ".env"), "POLICY_PATH": str(path), "ALLOWED_STAGING_ROLES": "analyst"}
    config = wiring.load_config(environ)
    assert config.policy_path == path
    allowed = [role for role in Role if config.policy.decide(Actor("a", role, Environment.PROD), Action.RUN).allowed]
    assert allowed == [AN]


def test_an_empty_list_of_roles_in_the_env_file_means_nobody(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("ALLOWED_PROD_ROLES=\nRUN_OWNER=\n")
    config = wiring.load_config({"LAB_ENV_FILE": str(file)})
    assert not any(config.policy.decide(Actor("a", role, Environment.PROD), Action.RUN).allowed for role in Role)
    assert config.actor.owner == "data-scientist@example.com"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("version: 1\nversion: 1\n", "'version' is there twice"),
        ("version: 1\nmargins: {auc: '0.1', auc: '1'}\n", "'auc' is there twice"),
        ("version: &v 1\nrules: *v\n", "an alias is not allowed"),
        ("<<: {version: 1}\nrules: []\n", "a merge is not allowed"),
        ("a: &a [*a]\n", "an alias is not allowed"),
        ("version: !!python/object/apply:os.getcwd []\n", "a tag is not allowed"),
        ("version: !!timestamp x\n", "a tag is not allowed"),
        ("version: 2020-99-99\n", "month must be in"),
        pytest.param(f"version: {'1' * 5000}\n", "can't be read as a policy", id="digits"),
        ("rules: [\n", "line 2"),
        ("rules: \x01\n", "can't be read as a policy"),
        ("[[a]: 1]: 2\n", "can't be read as a policy"),
        ("", "None is no mapping"),
        ("a: 1\n---\nb: 2\n", "single document"),
        pytest.param("[" * 5000, "can't be read as a policy", id="deep"),
        pytest.param("#" * (MAX_BYTES + 1), "is longer than", id="long"),
    ],
)
def test_a_file_that_could_mean_something_else_is_refused(text: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=named) as error:
        read_policy(path, VARIABLES)
    assert str(path) in str(error.value)


def test_a_file_of_bytes_that_are_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"version: \xff\xfe1\n")
    with pytest.raises(SettingsError, match="can't be read as a policy"):
        read_policy(path, VARIABLES)


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_a_policy_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Can't read the policy") as error:
        read_policy(tmp_path / name, VARIABLES)
    assert "POLICY_PATH" in error.value.remedy


def test_the_hash_in_force_follows_the_file_of_known_keys(tmp_path: Path) -> None:
    policy = read_policy(DEFAULT, VARIABLES)
    assert hash_in_force(policy, tmp_path) == combined_hash(policy, None)
    (tmp_path / "allowed_signers").write_bytes(b"alice ssh-ed25519 AAAA\n")
    assert hash_in_force(policy, tmp_path) == combined_hash(policy, b"alice ssh-ed25519 AAAA\n")


def test_known_keys_that_cannot_be_read_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "allowed_signers").mkdir()
    with pytest.raises(SettingsError, match="known keys"):
        hash_in_force(read_policy(DEFAULT, VARIABLES), tmp_path)
