"""A person's own file: what is taken, what is refused with line and remedy, and whose commands are run."""

import json
import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.screen.user.checking import checked, key_table
from lab.screen.user.example import example
from lab.screen.user.fields import schema
from lab.screen.user.found import load_user, path_of_user
from lab.screen.user.reading import MOST_BYTES, Loaded, line_of, load
from lab.screen.user.user_config import Output, OwnCommand, PanelConfig, UserConfig
from lab.views.sorting import Order

WHOLE = """
theme = "nord"
bell = true
start = "runs"

[layout]
left = ["runs", "services"]
right = ["models"]
widths = [2, 1]

[panels.runs]
columns = ["run", "owner"]
sort = "-took"
share = 2

[keys]
refresh = "f5"
down = ["down", "N", "="]
help = "f1"

[[command]]
key = "ctrl+o"
title = "Ask the owner"
panel = "models"
argv = ["mail", "{owner}", "--version={version}", "{tag:data_hash}"]
confirm = false
changes = false
output = "none"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "mlops-lab"
    folder.mkdir(mode=0o700)
    return folder / "screen.toml"


def of(path: Path, text: str | bytes) -> Loaded:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o600)
    return checked(path)


def test_everything_that_can_be_set_is_taken(path: Path) -> None:
    found = of(path, WHOLE)
    assert found.problem is None
    assert found.config == UserConfig(
        "nord",
        True,
        "runs",
        ("runs", "services"),
        ("models",),
        (2, 1),
        {"runs": PanelConfig(("run", "owner"), Order("took", True), 0, 2)},
        {"refresh": "f5", "down": "down,N,equals_sign", "help": "f1"},
        (
            OwnCommand(
                "ctrl+o",
                "Ask the owner",
                ("mail", "{owner}", "--version={version}", "{tag:data_hash}"),
                "models",
                False,
                False,
                Output.NONE,
            ),
        ),
    )


def test_without_a_file_nothing_is_read_or_said(tmp_path: Path) -> None:
    assert load_user({"XDG_CONFIG_HOME": str(tmp_path)}) is None
    assert load(tmp_path / "none") == Loaded(UserConfig(), tmp_path / "none")
    assert path_of_user({"XDG_CONFIG_HOME": "/etc/xdg"}) == Path("/etc/xdg/mlops-lab/screen.toml")
    assert path_of_user({"XDG_CONFIG_HOME": "relative"}).parts[-3:] == (".config", "mlops-lab", "screen.toml")


COMMAND = '[[command]]\nkey = "f6"\ntitle = "x"\n'
WRONG = {
    'theme = "nord': (1, "no TOML"),
    "[keys]\nrefresh = ": (2, "no TOML"),
    "a = 1\n\na = 2": (3, "no TOML"),
    'colour = "nord"': (1, "colour: there is no such field"),
    'themes = "nord"': (1, "Did you mean theme?"),
    'theme = "norf"': (1, "no theme 'norf'"),
    "\n\nbell = 1": (3, "1 is no boolean"),
    'start = "run"': (1, "Did you mean runs?"),
    'layout = "x"': (1, "layout: 'x' is no table"),
    '[layout]\nleft = ["runs"]\nright = ["runs"]': (1, "runs is there twice"),
    "[layout]\nleft = []": (1, "no panel is left"),
    "[layout]\nwidths = [1]": (2, "isn't two shares"),
    "[layout]\nwidths = [true, 1]": (2, "True is no integer"),
    "[panels.run]": (1, "panels.run: there is no such field"),
    '[panels.runs]\n\ncolumns = [\n  "run",\n  "ownr",\n]': (3, "Did you mean owner?"),
    '[panels.runs]\ncolumns = ["owner"]': (2, "'run' is missing"),
    '[panels.runs]\nsort = "-tok"': (2, "Did you mean took?"),
    "[panels.runs]\nheight = 2": (2, "2 is out of range"),
    "[panels.runs]\nheight = 5\nshare = 5": (3, "has a height already"),
    "[keys]\nrefresh = 5": (2, "5 is no key"),
    "[keys]\nrefresh = []": (2, "[] is no key"),
    '[keys]\nrefresh = "hyper+x"': (2, "'hyper+x' is no key"),
    '[keys]\nrefresh = "no such key"': (2, "is no key"),
    '[keys]\nrefresh = "\\u001b"': (2, "is no key"),
    '[keys]\nrefresh = "tab"': (2, "always does the same"),
    '[keys]\nrefresh = "ctrl+i"': (2, "always does the same"),
    '[keys]\nrefresh = "ctrl+c"': (2, "always does the same"),
    '[keys]\nrefesh = "f5"': (2, "Did you mean refresh?"),
    '[keys]\nrestart = "z"': (2, "'z' is the key of zoom, too, in the services panel"),
    '[keys]\nup = "f5"\nrefresh = "f5"': (2, "is the key of refresh, too"),
    COMMAND: (1, "argv is missing"),
    COMMAND + "argv = []": (1, "argv is missing"),
    COMMAND + 'argv = "rm -rf"': (4, "is no list"),
    COMMAND + 'argv = ["a", "{run_id}"]': (4, "{run_id} is unknown of the whole lab"),
    COMMAND + 'panel = "runs"\nargv = ["a", "{version}"]': (5, "{version} is unknown of rows of runs"),
    COMMAND + 'panel = "runs"\nargv = ["{owner}"]': (5, "depends on a row"),
    COMMAND + 'argv = ["awk", "{print}"]': (4, "{print} is unknown"),
    COMMAND + 'argv = ["awk", "{ "]': (4, "has a brace of its own"),
    COMMAND + 'argv = ["a\\u0000b"]': (4, "no command line"),
    COMMAND + 'argv = ["a"]\noutput = "file"': (5, "Use screen, terminal, none"),
    COMMAND + 'argv = ["a"]\n' + COMMAND + 'argv = ["a"]': (6, "is the key of 'x' already"),
    '[[command]]\nkey = "z"\ntitle = "x"\nargv = ["a"]': (2, "'z' is the key of zoom"),
    '[[command]]\nkey = "f6"\ntitle = "' + "x" * 99 + '"\nargv = ["a"]': (3, "is no title"),
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:40])
def test_what_is_wrong_is_said_with_line_and_remedy(path: Path, text: str) -> None:
    line, said = WRONG[text]
    found = of(path, text)
    assert found.config == UserConfig()
    assert found.problem
    assert found.problem.message.startswith(f"{path}, line {line}: ")
    assert said in str(found.problem)
    assert found.problem.remedy


def test_two_keys_can_change_places(path: Path) -> None:
    found = of(path, '[keys]\nsort-by-next-column = "S"\nreverse-the-order = "s"\nrestart = "Z"')
    assert found.problem is None


def test_a_command_may_have_a_key_that_was_given_another(path: Path) -> None:
    text = '[keys]\nzoom = "Z"\n[[command]]\nkey = "z"\ntitle = "x"\nargv = ["a"]'
    assert of(path, text).problem is None


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"\x00", b"[" * 100_000, b"a." * 50_000 + b"a=1", b"x = " + b"[" * 5_000 + b"]" * 5_000],
    ids=["no UTF-8", "zero", "brackets", "dots", "nested"],
)
def test_rubbish_is_refused_in_words(path: Path, content: bytes) -> None:
    assert of(path, content).problem


def test_a_file_that_is_none_or_too_long_keeps_nobody_waiting(path: Path) -> None:
    os.mkfifo(path)
    assert "is no file" in str(checked(path).problem)
    path.unlink()
    path.mkdir()
    assert "Is a directory" in str(checked(path).problem)
    path.rmdir()
    path.symlink_to("/dev/zero")
    assert "is no file" in str(checked(path).problem)
    path.unlink()
    path.symlink_to(path)
    assert "Can't read" in str(checked(path).problem)
    path.unlink()
    path.touch()
    os.truncate(path, 1 << 30)
    assert f"at most {MOST_BYTES:,}" in str(checked(path).problem)


def test_a_link_to_a_file_of_ones_own_is_followed(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles"
    real.mkdir(mode=0o700)
    (real / "screen.toml").write_text(WHOLE)
    (real / "screen.toml").chmod(0o600)
    path.symlink_to(real / "screen.toml")
    assert checked(path).config.commands
    real.chmod(0o777)
    refused = checked(path)
    assert not refused.config.commands
    assert f"chmod go-w {real}" in str(refused.problem)


def test_commands_that_others_could_have_written_are_left_out_and_nothing_else(path: Path) -> None:
    assert of(path, WHOLE).config.commands
    path.chmod(0o620)
    found = checked(path)
    assert (found.config.commands, found.config.theme) == ((), "nord")
    assert "none of the commands" in str(found.problem)
    path.chmod(0o600)
    path.parent.chmod(0o770)
    assert checked(path).config.commands == ()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_commands_of_somebody_elses_file_are_left_out(path: Path) -> None:
    of(path, WHOLE)
    os.chown(path, 12345, 12345)
    assert checked(path).config.commands == ()
    assert "belongs to another user" in str(checked(path).problem)


def test_the_example_is_nothing_until_a_line_of_it_is_taken(path: Path) -> None:
    assert of(path, example()).config == UserConfig()
    taken = [line[2:] for line in example().splitlines() if line.startswith("# ") and (" = " in line or "# [" in line)]
    found = of(path, "\n".join(taken))
    assert found.problem is None, found.problem
    assert found.config.commands
    assert tomllib.loads(found.text).keys() == schema()["properties"].keys()


def test_the_schema_is_one() -> None:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(schema())
    Draft202012Validator(schema()).validate(tomllib.loads(WHOLE))


def test_every_name_of_a_key_is_listed_once() -> None:
    names = [name for name, _, _ in key_table()]
    assert len(names) == len(set(names)) > 50
    assert json.dumps(names)


@given(st.lists(st.sampled_from(["a", "bb", "c"]), min_size=1, unique=True), st.integers(0, 4))
def test_a_lines_number_is_that_of_its_beginning(names: list[str], blanks: int) -> None:
    text = ""
    for name in names:
        text += "\n" * blanks + f'{name} = [\n  1,\n  """\n""",\n]\n'
    for name in names:
        assert text.splitlines()[line_of(text, (name, 0)) - 1].startswith(name) or blanks
        assert f"{name} = [" in "\n".join(text.splitlines()[: line_of(text, (name,)) + blanks])
