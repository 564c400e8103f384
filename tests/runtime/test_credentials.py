"""The password file of Alertmanager's web interface."""

from pathlib import Path

import bcrypt
import yaml

from lab.runtime.credentials import web_configuration


def hashed(text: str) -> bytes:
    users = yaml.safe_load(text)["basic_auth_users"]
    assert list(users) == ["admin"]
    return str(users["admin"]).encode()


def test_the_password_matches_and_does_not_stand_there(tmp_path: Path) -> None:
    text = web_configuration("a secret", tmp_path / "none")
    assert "a secret" not in text
    assert bcrypt.checkpw(b"a secret", hashed(text))


def test_the_same_password_changes_nothing_and_another_one_does(tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    path.write_text(web_configuration("first", path))
    assert web_configuration("first", path) == path.read_text()
    assert bcrypt.checkpw(b"second", hashed(web_configuration("second", path)))


def test_a_password_longer_than_bcrypt_takes_is_no_error(tmp_path: Path) -> None:
    assert hashed(web_configuration("x" * 200, tmp_path / "none"))
