"""Settings: each mistake names variable, value and what is allowed; `.env` is made once, with secrets of its own."""

import errno
import fcntl
import stat
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lab import envfile
from lab.base.errors import LabError, SettingsError
from lab.config import LabConfig
from lab.governance.rules.policy import Environment, Role
from lab.wiring import first_config, load_config


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., LabConfig]:
    """Settings as they are with these variables in the environment and this text in `.env`."""

    def read(env: str | bytes | None = None, **environ: str) -> LabConfig:
        path = tmp_path / "env"
        if env is not None:
            path.write_bytes(env if isinstance(env, bytes) else env.encode())
        return load_config({"LAB_ENV_FILE": str(path), **environ})

    return read


Load = Callable[..., LabConfig]


def test_defaults_need_no_file(load: Load) -> None:
    config = load()

    assert config.name == "mlops-lab"
    assert config.home == envfile.ROOT / ".lab"
    assert config.port_offset == 0
    assert config.actor.role is Role.ML_ENGINEER
    assert config.actor.environment is Environment.DEV
    assert config.audit_prefix == "governance/audit/"
    assert config.data_path == envfile.ROOT / "data" / "sample_data.csv"


def test_the_environment_wins_over_the_file(load: Load) -> None:
    assert load("RUN_OWNER=ann\nLAB_NAME=one\n", RUN_OWNER="bob").actor.owner == "bob"
    assert load(RUN_OWNER="bob").name == "one"


def test_an_empty_variable_means_the_default(load: Load) -> None:
    assert load("LAB_NAME=\n", RUN_OWNER="").actor.owner == "data-scientist@example.com"


def test_an_unknown_variable_in_the_file_is_named_with_the_known_ones(load: Load) -> None:
    with pytest.raises(SettingsError, match=r"RUN_ROLL is no setting\. Did you mean RUN_ROLE\? Known are: .*RUN_ROLE"):
        load("RUN_ROLL=analyst\n")
    with pytest.raises(SettingsError, match=r"port_ofset is no setting\. Did you mean PORT_OFFSET\?"):
        load("port_ofset=1\n")
    with pytest.raises(SettingsError, match=r"XYZZY is no setting\. Known are"):
        load("XYZZY=1\n")


@pytest.mark.parametrize("sign", ["\0", "\x1b", "\u202e", "\u200b", "\x7f"])
def test_a_name_that_a_terminal_would_obey_is_shown_escaped(load: Load, sign: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(f"RUN_{sign}ROLE=analyst\n")
    assert sign not in str(caught.value)
    assert ascii(sign)[1:-1] in caught.value.message
    with pytest.raises(SettingsError) as caught:
        load(f"RUN_{sign}ROLE='a\n")
    assert sign not in str(caught.value)
    with pytest.raises(SettingsError) as caught:
        load(f"RUN_{sign}ROLE=a\nRUN_{sign}ROLE=a\n")
    assert sign not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("ENVIRONMENT", "production", "dev, staging, prod"),
        ("ENVIRONMENT", "Dev", "dev, staging, prod"),
        ("RUN_ROLE", "intern", "risk-officer"),
        ("ALLOWED_STAGING_ROLES", "ml-engineer,wizard", "platform-admin"),
        ("ALLOWED_PROD_ROLES", "ml-engineer;risk-officer", "platform-admin"),
        ("PORT_OFFSET", "many", "whole number"),
        ("PORT_OFFSET", "-1", "0-40000"),
        ("PORT_OFFSET", "40001", "0-40000"),
        ("PORT_OFFSET", "1.5", "whole number"),
        ("LAB_NAME", "My Lab", "a-z"),
        ("LAB_NAME", "a" * 41, "at most 40"),
        ("LAB_NAME", "../up", "a-z"),
        ("DATA_BUCKET", "UPPER", "3-63"),
        ("ARTIFACT_BUCKET", "a", "3-63"),
        ("AUDIT_BUCKET", "white space", "3-63"),
        ("AUDIT_LOG_PREFIX", "no-slash-at-the-end", "ending in /"),
        ("AUDIT_LOG_PREFIX", "/in-front/", "ending in /"),
        ("AUDIT_RETENTION_DAYS", "0", "1-36500"),
        ("BASELINE_DATA_HASH", "abc", "64"),
        ("BASELINE_DATA_HASH", "G" * 64, "64"),
        ("DRIFT_MONITOR_INTERVAL_SECONDS", "0", "1-86400"),
        ("DRIFT_MONITOR_INTERVAL_SECONDS", "nan", "1-86400"),
        ("DRIFT_MONITOR_INTERVAL_SECONDS", "soon", "seconds"),
        ("TRAINING_SCHEDULE", "hourly", "on | off"),
        ("RUNTIME", "kubernetes", "auto | native | compose"),
        ("OBJECT_STORE", "s3", "seaweedfs | minio"),
    ],
)
@pytest.mark.parametrize("where", ["environment", "file"])
def test_a_malformed_value_names_variable_value_and_what_is_allowed(
    load: Load, where: str, name: str, value: str, allowed: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(**{name: value}) if where == "environment" else load(f"{name}='{value}'\n")

    said = str(caught.value)
    assert name in said
    assert allowed in said
    assert value in said or (name.startswith("ALLOWED") and "'" in said)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    "owner",
    [
        *("a\nb", "\x1b[31mred", " ", "x" * 201, "\udcff", "tab\tbed", " ann", "ann ", "an\u200bn", "ann\ufe0f"),
        *("an\u00a0n", "\ue000", "\u0378", "e\u0301va", "nna\u202e", "\u3164"),
    ],
)
def test_an_owner_that_could_not_be_shown_or_stored_is_refused(load: Load, owner: str) -> None:
    with pytest.raises(SettingsError, match="RUN_OWNER"):
        load(RUN_OWNER=owner)


@pytest.mark.parametrize(
    "owner", ["Ann O'Neil", 'Bob "B" <b@x.de>', "Łukasz 山田 🙂", "a=b#c $HOME ${HOME} \\n %(x)s", "[bold]x[/]"]
)
def test_an_owner_may_have_any_printable_character(load: Load, owner: str) -> None:
    assert load(RUN_OWNER=owner).actor.owner == owner


def test_a_value_in_the_file_is_taken_as_it_stands(load: Load) -> None:
    assert load("RUN_OWNER='a ${HOME} # b'\n").actor.owner == "a ${HOME} # b"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'LAB_NAME=x\n\nALLOWED_PROD_ROLES="platform-admin\n',
            "line 3, can't be read: the value of ALLOWED_PROD_ROLES",
        ),
        ("ALLOWED_PROD_ROLES='platform-admin' and more\n", "line 1, can't be read: the value of ALLOWED_PROD_ROLES"),
        ("ALLOWED_PROD_ROLES: platform-admin\n", "line 1, can't be read: it isn't NAME=value"),
        ("\n# roles\n  ALLOWED_PROD_ROLES  # nobody\n", "line 3, can't be read: it isn't NAME=value"),
        ("a\\b c=d\n", "line 1, can't be read"),
        ('RUN_OWNER="ann\nALLOWED_PROD_ROLES=\nLAB_NAME="\n', "line 1: the quote that RUN_OWNER opens"),
        ("LAB_NAME=a\nexport LAB_NAME=a\n", "line 2: LAB_NAME stands on line 1 already"),
        ("'ALLOWED_PROD_ROLES'=\r\n\r\nALLOWED_PROD_ROLES=analyst\r\n", "line 3: ALLOWED_PROD_ROLES stands on line 1"),
    ],
)
def test_a_line_that_could_be_passed_over_or_overruled_is_an_error(
    load: Load, tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(text)
    assert caught.value.message.startswith(f"{tmp_path / 'env'}, {said}")
    assert caught.value.remedy
    with pytest.raises(SettingsError):
        first_config({"LAB_ENV_FILE": str(tmp_path / "env")})
    assert (tmp_path / "env").read_bytes() == text.encode()


def test_a_line_that_cannot_be_read_is_not_shown_where_it_may_hold_a_secret(load: Load) -> None:
    for line in ('GRAFANA_ADMIN_PASSWORD="hush', "GRAFANA_ADMIN_PASSWORD hush", "hush"):
        with pytest.raises(SettingsError) as caught:
            load(line)
        assert "hush" not in str(caught.value)


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b"RUN_OWNER=\xe4\n"])
def test_a_file_that_is_no_text_is_said_to_be_unreadable(load: Load, body: bytes) -> None:
    with pytest.raises(SettingsError, match="Can't read"):
        load(body)


def test_a_folder_instead_of_the_file_is_said_to_be_unreadable(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Can't read"):
        load_config({"LAB_ENV_FILE": str(tmp_path)})


def test_no_error_shows_a_secret(load: Load) -> None:
    config = load("GRAFANA_ADMIN_PASSWORD=swordfish\nS3_ADMIN_SECRET=swordfish\n")

    assert "swordfish" not in repr(config) + str(config)
    assert config.secrets.grafana_admin == "swordfish"


@pytest.mark.parametrize(("given_path", "expected"), [("sub/lab", envfile.ROOT / "sub/lab"), ("/a/../b", Path("/b"))])
def test_a_path_starts_at_the_projects_folder(load: Load, given_path: str, expected: Path) -> None:
    assert load(LAB_HOME=given_path).home == expected


def test_a_path_may_start_at_the_users_home(load: Load) -> None:
    assert load(LAB_HOME="~/lab").home == Path.home() / "lab"


def test_the_first_call_makes_a_file_of_its_own_with_random_secrets(tmp_path: Path) -> None:
    made = [{"LAB_ENV_FILE": str(tmp_path / name)} for name in ("one", "two")]
    configs = [first_config(environ) for environ in made]

    assert [done for _, done in configs] == [f"made {tmp_path / name} with new secrets" for name in ("one", "two")]
    secrets = [vars(config.secrets) for config, _ in configs]
    values = [value for each in secrets for value in each.values()]
    assert len(values) == len(set(values)) == 2 * len(envfile.SECRETS)
    assert min(map(len, values)) >= 32
    assert stat.S_IMODE((tmp_path / "one").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_a_file_with_every_secret_is_never_touched(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("LAB_NAME=kept\n" + "".join(f"{name}=own\n" for name in envfile.SECRETS))
    path.chmod(0o640)
    before = path.read_bytes(), path.stat()

    config, done = first_config({"LAB_ENV_FILE": str(path), "PORT_OFFSET": "5"})

    assert not done
    assert config.name == "kept"
    assert (path.read_bytes(), path.stat()) == before


HANDMADE = """# mine
LAB_NAME=kept
export POSTGRES_PASSWORD=
S3_PIPELINE_SECRET =  \r
S3_READER_SECRET=""
GRAFANA_ADMIN_PASSWORD=chosen # by me
MLFLOW_DB_PASSWORD=a$b
# the end"""


def test_a_file_without_secrets_gets_them_and_keeps_all_it_says(tmp_path: Path) -> None:
    path, target = tmp_path / "env", tmp_path / "elsewhere"
    target.write_bytes(HANDMADE.encode())
    path.symlink_to(target)
    environ = {"LAB_ENV_FILE": str(path), "S3_ADMIN_SECRET": "from outside"}

    config, done = first_config(environ)

    secrets = vars(config.secrets)
    made = set(envfile.SECRETS) - {"GRAFANA_ADMIN_PASSWORD", "MLFLOW_DB_PASSWORD", "S3_ADMIN_SECRET"}
    assert done == f"wrote into {path} what had no value: {', '.join(name for name in envfile.SECRETS if name in made)}"
    assert len(set(secrets.values())) == len(envfile.SECRETS)
    assert all(secrets.values())
    assert (secrets["grafana_admin"], secrets["mlflow_db"], secrets["s3_admin"]) == ("chosen", "a$b", "from outside")
    assert config.name == "kept"
    text = target.read_bytes().decode()
    kept = [
        line for line in HANDMADE.split("\n") if not line.startswith(("export POSTGRES", "S3_PIPELINE", "S3_READER"))
    ]
    assert [line for line in text.split("\n") if line in kept] == kept
    assert "S3_ADMIN_SECRET" not in text
    assert [text.count(name) for name in ("POSTGRES_PASSWORD", "S3_PIPELINE_SECRET", "S3_READER_SECRET")] == [1] * 3
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert path.is_symlink()
    assert first_config(environ)[1] == ""
    assert sorted(one.name for one in tmp_path.iterdir()) == ["elsewhere", "env"]


def test_the_example_can_be_copied_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text((envfile.ROOT / ".env.example").read_text())
    config, _ = first_config({"LAB_ENV_FILE": str(path)})
    assert min(map(len, vars(config.secrets).values())) >= 32
    assert [line for line in path.read_text().splitlines() if line.endswith("=")] == [
        "SIGNING_KEY=",
        "BASELINE_DATA_HASH=",
        "LAB_PAGES=",
        "PAGES_COOKIE=",
        "ALERT_SLACK_URL_FILE=",
        "ALERT_WEBHOOK_URL_FILE=",
        "ALERT_WATCHDOG_URL_FILE=",
        "ALERT_EMAIL_TO=",
        "ALERT_EMAIL_FROM=",
        "ALERT_SMTP_SERVER=",
        "ALERT_SMTP_USER=",
        "ALERT_SMTP_PASSWORD_FILE=",
    ]


def test_a_file_that_cannot_be_written_is_told_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "env"
    path.write_text("LAB_NAME=kept\n")
    monkeypatch.setattr("os.fsync", failing)
    with pytest.raises(LabError, match=r"Can't write .*: No space left"):
        first_config({"LAB_ENV_FILE": str(path)})
    assert path.read_text() == "LAB_NAME=kept\n"
    assert [one.name for one in tmp_path.iterdir()] == ["env"]


def test_another_command_that_holds_the_file_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "env"
    path.write_text("LAB_NAME=kept\n")
    monkeypatch.setattr("lab.envfile._LOCK_S", 0.2)
    with path.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LabError, match="Another command holds"):
            first_config({"LAB_ENV_FILE": str(path)})
    assert path.read_text() == "LAB_NAME=kept\n"


def failing(_: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_wrong_value_is_not_written_down(tmp_path: Path) -> None:
    path = tmp_path / "env"
    with pytest.raises(SettingsError):
        first_config({"LAB_ENV_FILE": str(path), "PORT_OFFSET": "x"})

    assert not path.exists()


def test_what_makes_the_lab_this_one_is_written_down_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "env"
    identity = {"LAB_NAME": "mine", "LAB_HOME": str(tmp_path / "x"), "PORT_OFFSET": "70", "RUNTIME": "native"}
    first_config({"LAB_ENV_FILE": str(path), **identity, "RUN_OWNER": "guest", "ENVIRONMENT": "staging"})

    later = load_config({"LAB_ENV_FILE": str(path)})
    assert (later.name, later.home, later.port_offset, later.runtime) == ("mine", tmp_path / "x", 70, "native")
    assert later.actor.owner == "data-scientist@example.com"
    assert later.actor.environment is Environment.DEV


@example("a #b")
@example("${HOME}")
@example('it\'s a \\ "quote"')
@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30))
@hypothesis_settings(max_examples=40, deadline=None)
def test_any_home_that_is_written_down_is_found_again(name: str) -> None:
    home = Path("/tmp") / f"x{name}y".replace("/", "_")
    with tempfile.TemporaryDirectory() as folder:
        environ = {"LAB_ENV_FILE": f"{folder}/env"}
        first_config({**environ, "LAB_HOME": str(home)})

        assert load_config(environ).home == home


def test_the_file_is_never_seen_unfinished(tmp_path: Path) -> None:
    for number in range(40):
        path = tmp_path / f"env{number}"
        seen: list[str] = []

        def look(path: Path = path, seen: list[str] = seen) -> None:
            while not path.exists():
                continue
            seen.append(path.read_text())

        watcher = threading.Thread(target=look)
        watcher.start()
        envfile.prepare({"LAB_ENV_FILE": str(path)})
        watcher.join(30)
        assert seen == [path.read_text()]


@pytest.mark.parametrize("text", [None, "LAB_NAME=kept\n"], ids=["no file", "no secrets"])
def test_of_many_first_calls_at_once_all_get_the_same_complete_secrets(
    tmp_path: Path, text: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Seven wait for one that waits for the disk.
    monkeypatch.setattr(envfile, "_LOCK_S", 60.0)
    for round_number in range(5):
        environ = {"LAB_ENV_FILE": str(tmp_path / f"env{round_number}")}
        if text:
            Path(environ["LAB_ENV_FILE"]).write_text(text)
        barrier = threading.Barrier(8)
        found: list[tuple[LabConfig, str]] = []

        def call(environ: dict[str, str] = environ, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(30)
            found.append(first_config(environ))  # noqa: B023 - the threads end within the round

        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(found) == 8
        assert sum(bool(done) for _, done in found) == 1
        assert len({config.secrets.postgres for config, _ in found}) == 1
        assert all(config.secrets.grafana_admin for config, _ in found)


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="Can't write"):
        first_config({"LAB_ENV_FILE": str(tmp_path / "absent" / "env")})


def test_a_file_that_is_written_anew_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "env"
    for change in (lambda: path.write_text("A=1"), lambda: path.write_text("A=22"), path.unlink):
        changed = envfile.written_since(path)
        assert not changed()
        change()
        assert changed()
