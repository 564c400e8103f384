"""Lines that keep coming, the lines that are shown of them, and how long ones are broken."""

import pytest

from lab.base.log_lines import Level, level_of
from lab.views.cells import Line, Span, Tone, width_of
from lab.views.feed import Feed, FeedLine
from lab.views.wrapping import wrap


def line(text: str, level: Level = Level.INFO) -> FeedLine:
    return FeedLine(level, (Span(text),))


def texts(lines: list[Line]) -> list[str]:
    return ["".join(span.text for span in one) for one in lines]


def test_only_the_newest_lines_are_kept() -> None:
    feed = Feed(kept=3)
    assert feed.add([line("a"), line("b")]).dropped == 0
    change = feed.add([line("c"), line("d")])
    assert (texts(list(change.added)), change.dropped) == (["c", "d"], 1)
    assert texts(feed.shown) == ["b", "c", "d"]


def test_a_burst_greater_than_what_is_kept_shows_its_end() -> None:
    feed = Feed(kept=3)
    feed.add([line("old")])
    change = feed.add([line(str(number)) for number in range(10)])
    assert (texts(list(change.added)), change.dropped) == (["7", "8", "9"], 1)
    assert texts(feed.shown) == ["7", "8", "9"]


def test_dropped_counts_only_what_was_shown() -> None:
    feed = Feed(kept=3)
    feed.search("x")
    feed.add([line("x1"), line("y1"), line("x2")])
    change = feed.add([line("y2"), line("x3")])
    assert (texts(list(change.added)), change.dropped) == (["x3"], 1)
    assert texts(feed.shown) == ["x2", "x3"]


def test_a_pause_holds_lines_back_and_is_bounded_too() -> None:
    feed = Feed(kept=3)
    feed.add([line("a")])
    feed.paused = True
    assert feed.add([line(str(number)) for number in range(5)]).added == ()
    assert (feed.waiting, texts(feed.shown)) == (3, ["a"])
    feed.resume()
    assert (feed.waiting, texts(feed.shown)) == (0, ["2", "3", "4"])


@pytest.mark.parametrize(
    ("pattern", "found"),
    [("b+", ["bb"]), ("!b", ["a"]), ("[", ["a", "bb", "[c"]), ("b(", ["bb"]), (r"\[", ["[c"]), ("", ["a", "bb", "[c"])],
)
def test_search_is_a_regular_expression_or_its_inverse(pattern: str, found: list[str]) -> None:
    feed = Feed()
    feed.add([line("a"), line("bb"), line("[c")])
    feed.search(pattern)
    assert texts(feed.shown) == (["a", "[c"] if pattern == "!b" else found)


def test_a_level_and_above() -> None:
    feed = Feed()
    feed.add([line("d", Level.DEBUG), line("w", Level.WARNING), line("e", Level.ERROR)])
    feed.least = Level.WARNING
    assert texts(feed.shown) == ["w", "e"]
    feed.clear()
    assert (len(feed), feed.shown) == (0, [])


LEVELS = {
    "2026-11-23 17:42:41.530 UTC [18219] LOG:  checkpoint complete": Level.INFO,
    "2026-11-23 18:00:11.070 UTC [7446] mlflow@mlflow ERROR:  relation is missing": Level.ERROR,
    "2026-11-23 18:00:11.070 UTC [1] FATAL:  the database system is starting up": Level.ERROR,
    'ts=2026-11-23T17:42:40.941Z caller=main.go:973 level=warn msg="no error here"': Level.WARNING,
    '{"level":"error","msg":"INFO"}': Level.ERROR,
    "INFO:     Uvicorn running on http://127.0.0.1:12000": Level.INFO,
    "2026-11-23 17:42:43,530 level=INFO event=started url=http://x/ERROR": Level.INFO,
    "2026/11/23 17:42:58 WARNING mlflow.store.db.utils: slow": Level.WARNING,
    "2026-11-23 17:42:43 +0000 - dagster.code_server - DEBUG - hello": Level.DEBUG,
    "I1123 17:42:41 12 volume.go:12] error in its words": Level.INFO,
    "E1123 17:42:41 12 volume.go:12] failed": Level.ERROR,
    '  File "/srv/ERROR.py", line 3, in LOG': None,
    "plain words": None,
    "": None,
}


@pytest.mark.parametrize("text", LEVELS)
def test_level_of_a_line(text: str) -> None:
    assert level_of(text) == LEVELS[text]


def broken(text: str, width: int) -> list[str]:
    return texts(list(wrap((Span(text),), width)))


def test_lines_break_at_their_words_and_keep_their_indent() -> None:
    assert broken("one two three four", 9) == ["one two", "three", "four"]
    assert broken("  one two three", 9) == ["  one two", "  three"]
    assert broken("short", 9) == ["short"]
    assert broken("anything", 0) == ["anything"]


def test_a_word_longer_than_the_window_is_cut() -> None:
    assert broken("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert broken("x abcdefghij", 4) == ["x", "abcd", "efgh", "ij"]


def test_what_follows_a_label_hangs_below_it() -> None:
    lines = wrap((Span("label ", Tone.MUTED), Span("one two three")), 12)
    assert texts(list(lines)) == ["label one", "  two three"]
    assert lines[0][0].tone is Tone.MUTED


@pytest.mark.parametrize("width", [1, 2, 3, 7, 20])
@pytest.mark.parametrize(
    "text", ["日本語 テキスト wide", "   deep indent and words", "a  b   c    d", "e\u0301 combining"]
)
def test_nothing_is_wider_than_the_window_and_no_word_is_lost(text: str, width: int) -> None:
    lines = wrap((Span(text),), width)
    joined = "".join(texts(list(lines))).replace(" ", "")
    if width > 1:
        assert all(width_of(one) <= width for one in lines)
        assert joined == text.replace(" ", "")


def test_an_empty_line_is_judged_as_any_other() -> None:
    feed = Feed()
    feed.add([line(""), line("a")])
    feed.search("^$")
    assert texts(feed.shown) == [""]
