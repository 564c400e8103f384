"""Lines of allowed_signers: what the lab reads is what ssh-keygen reads."""

import base64
from datetime import UTC, datetime

import pytest

from lab.base.errors import SettingsError, UsageError
from lab.governance.rules.policy import Role
from lab.governance.rules.signers import make_line, parse_line, parse_signers
from lab.governance.rules.ssh_keys import PublicKey, parse_public_key

BLOB = base64.b64encode(b"\0\0\0\x0bssh-ed25519" + b"\0\0\0\x20" + bytes(32)).decode()
OTHER = base64.b64encode(b"\0\0\0\x0bssh-ed25519" + b"\0\0\0\x20" + bytes(31) + b"\1").decode()
KEY = PublicKey("ssh-ed25519", BLOB)


def test_a_line_holds_name_roles_and_key() -> None:
    line = make_line("olga@example.com", [Role.PLATFORM_ADMIN, Role.RISK_OFFICER], KEY)
    assert line == (f'olga@example.com,role=risk-officer,role=platform-admin namespaces="mlops-lab" ssh-ed25519 {BLOB}')
    signer = parse_line(line)
    assert (signer.name, signer.roles, signer.key) == (
        "olga@example.com",
        (Role.RISK_OFFICER, Role.PLATFORM_ADMIN),
        KEY,
    )
    assert signer.line == line


def test_a_line_may_end_on_a_day() -> None:
    signer = parse_line(make_line("olga", [Role.RISK_OFFICER], KEY, "20271231"))
    assert signer.valid_at(datetime(2027, 12, 30, 23, 59, tzinfo=UTC))
    assert not signer.valid_at(datetime(2027, 12, 31, tzinfo=UTC))


def test_a_line_may_begin_at_a_time() -> None:
    signer = parse_line(f'olga,role=risk-officer valid-after="202601011200Z" ssh-ed25519 {BLOB} note')
    assert not signer.valid_at(datetime(2026, 1, 1, 11, 59, tzinfo=UTC))
    assert signer.valid_at(datetime(2026, 1, 1, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("olga", "needs principals"),
        (f"olga ssh-ed25519 {BLOB}", "no role"),
        (f"role=risk-officer ssh-ed25519 {BLOB}", "exactly one name"),
        (f"a,b,role=risk-officer ssh-ed25519 {BLOB}", "exactly one name"),
        (f"*,role=risk-officer ssh-ed25519 {BLOB}", "without patterns"),
        (f"!a,role=risk-officer ssh-ed25519 {BLOB}", "without patterns"),
        (f"olga,role=king ssh-ed25519 {BLOB}", "no role"),
        (f"olga,role=* ssh-ed25519 {BLOB}", "no role"),
        (f'olga,role=risk-officer namespaces="git" ssh-ed25519 {BLOB}', "namespace"),
        (f"olga,role=risk-officer cert-authority ssh-ed25519 {BLOB}", "no option"),
        (f'olga,role=risk-officer surprise="x" ssh-ed25519 {BLOB}', "not supported"),
        (f'olga,role=risk-officer valid-before="tomorrow" ssh-ed25519 {BLOB}', "no time"),
        (f'olga,role=risk-officer valid-before="20270230Z" ssh-ed25519 {BLOB}', "no time"),
        (f'olga,role=risk-officer namespaces="mlops-lab"x ssh-ed25519 {BLOB}', "no option"),
        ("olga,role=risk-officer ssh-dss AAAA", "no option"),
        (f"olga,role=risk-officer ssh-rsa {BLOB}", "says ssh-rsa"),
    ],
)
def test_a_line_that_could_mean_something_else_is_refused(line: str, problem: str) -> None:
    with pytest.raises((UsageError, SettingsError), match=problem):
        parse_line(line)


@pytest.mark.parametrize("name", ["", "a b", "a,b", "*", "role=risk-officer", '"a"', "a\n", "#a", "-a", "ä"])
def test_a_name_that_ssh_keygen_would_read_otherwise_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no name"):
        make_line(name, [Role.RISK_OFFICER], KEY)


def test_an_identity_needs_a_role_and_a_real_day() -> None:
    with pytest.raises(UsageError, match="no role"):
        make_line("olga", [], KEY)
    with pytest.raises(UsageError, match="no time"):
        make_line("olga", [Role.RISK_OFFICER], KEY, "never")


def test_a_file_may_hold_comments_and_names_its_wrong_line() -> None:
    good = make_line("olga", [Role.RISK_OFFICER], KEY)
    assert [one.name for one in parse_signers(f"# note\n\n{good}\n", "f")] == ["olga"]
    with pytest.raises(UsageError, match="f, line 2: 'olga' has no role"):
        parse_signers(f"{good}\nolga ssh-ed25519 {OTHER}\n", "f")
    with pytest.raises(UsageError, match="f, line 1: role: 'king' is no role"):
        parse_signers(good.replace("risk-officer", "king"), "f")
    with pytest.raises(UsageError, match="line 2: the key is there twice"):
        parse_signers(f"{good}\n{good.replace('olga', 'eve')}\n", "f")


def test_a_file_holds_no_name_in_two_spellings() -> None:
    one, other = (parse_public_key(f"ssh-ed25519 {blob}") for blob in (BLOB, OTHER))
    lines = [make_line("olga@x", [Role.RISK_OFFICER], one), make_line("Olga@X", [Role.RISK_OFFICER], other)]
    with pytest.raises(UsageError, match="f, line 2: Olga@X and olga@x are one name in two spellings"):
        parse_signers("\n".join(lines), "f")
    assert len(parse_signers("\n".join(lines).replace("Olga@X", "olga@x"), "f")) == 2


def test_a_comment_behind_the_key_is_no_part_of_it() -> None:
    assert parse_public_key(f"ssh-ed25519 {BLOB} olga at home") == KEY
