"""Files mentioned in a prompt, completed names, pasted paths, chips of pasted texts."""

from __future__ import annotations

import shlex
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.prompts import (
    LONG_PASTE_CHARACTERS,
    LONG_PASTE_LINES,
    MAX_PASTED,
    MAX_PATHS,
    FileMentions,
    PartialMention,
    as_mention,
    base_name,
    chip_text,
    complete,
    compose,
    expand_chips,
    file_mentions,
    is_long_paste,
    named_paths,
    partial_mention_at,
    pasted_paths,
)


def nothing(_path: str) -> bool:
    return False


# -- tokens ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("prompt", "text", "paths"),
    [
        ("sum up @data.csv", "sum up data.csv", ["data.csv"]),
        ("@data.csv", "data.csv", ["data.csv"]),
        ('read @"my file.csv", please', "read my file.csv, please", ["my file.csv"]),
        (r'@"a \"b\" \\ c.csv"', r'a "b" \ c.csv', [r'a "b" \ c.csv']),
        (r"@./a\ b.csv now", "a b.csv now", ["./a b.csv"]),
        ("@/srv/x/q3.xlsx and @~/notes.md", "q3.xlsx and notes.md", ["/srv/x/q3.xlsx", "~/notes.md"]),
        ("Look at @data.csv.", "Look at data.csv.", ["data.csv"]),
        ("(see @data.csv)", "(see data.csv)", ["data.csv"]),
        ("is it @data.csv?!", "is it data.csv?!", ["data.csv"]),
        ("@report(2).csv!", "report(2).csv!", ["report(2).csv"]),
        ("@a.csv,@b.csv", "a.csv,@b.csv", ["a.csv,@b.csv"]),
        ("@a.csv, @b.csv; @a.csv", "a.csv, b.csv; a.csv", ["a.csv", "b.csv"]),
        ("line\n@a.csv\n", "line\na.csv\n", ["a.csv"]),
        ("@reports/", "reports", ["reports/"]),
        ("@x/naïve-漢.csv", "naïve-漢.csv", ["x/naïve-漢.csv"]),
        (r"@a\..", "a..", [r"a."]),
        ('"@a.csv"', '"a.csv"', ["a.csv"]),
    ],
)
def test_a_token_becomes_a_name(prompt: str, text: str, paths: list[str]) -> None:
    assert file_mentions(prompt) == FileMentions(text, tuple(paths))


@pytest.mark.parametrize(
    "prompt",
    [
        "write to me@x.org", "<me@x.org>", "a@b@c", "@", "@ home", "at @, then", "mail @.", "wait @...",
        "", "@\n", '@"', '@""', '@"never closed.csv', "x.y+z@example.csv", "é@data.csv",
        "@" + "a/" * 3_000 + "b.csv",
    ],
)  # fmt: skip
def test_text_that_is_not_a_token(prompt: str) -> None:
    assert file_mentions(prompt) == FileMentions(prompt, ())


@pytest.mark.parametrize(
    ("prompt", "text"),
    [(r"ask \@alice", "ask @alice"), (r"\@data.csv", "@data.csv"), (r"a\@b", r"a\@b"), (r"(\@x)", "(@x)")],
)
def test_an_escaped_token_is_text(prompt: str, text: str) -> None:
    assert file_mentions(prompt) == FileMentions(text, ())


def test_an_ambiguous_token_is_a_path_only_if_the_file_exists() -> None:
    prompt = "@alice uses @types/node, @dataclass, @pytest.mark.asyncio and @2.0 but not @Makefile"
    assert file_mentions(prompt, nothing) == FileMentions(prompt, ())
    assert file_mentions(prompt, {"Makefile"}.__contains__).paths == ("Makefile",)
    assert file_mentions("@data.cvs", nothing).paths == ("data.cvs",), "a slip must not be left out silently"
    assert file_mentions('@"alice"', nothing).paths == ("alice",)
    assert file_mentions("@./alice @/alice @../alice", nothing).paths == ("./alice", "/alice", "../alice")


@given(st.text(max_size=80))
def test_any_text_is_read(prompt: str) -> None:
    names = file_mentions(prompt)
    assert all(names.paths)
    if "@" not in prompt:
        assert names == FileMentions(prompt, ())


PATHS = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(PATHS.filter(lambda path: not path.endswith("/")), st.sampled_from(["", " then", "\nnext"]))
def test_a_path_written_as_a_token_is_read_back(path: str, after: str) -> None:
    token = as_mention(path)
    assert file_mentions(f"see {token}{after}", lambda _: True) == FileMentions(
        f"see {base_name(path)}{after}", (path,)
    )


# -- completion ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("@", PartialMention(0, "")),
        ("see @", PartialMention(4, "")),
        ("see @da", PartialMention(4, "da")),
        ("see @./sub/da", PartialMention(4, "./sub/da")),
        (r"see @my\ fi", PartialMention(4, "my fi")),
        ('see @"', PartialMention(4, "")),
        ('see @"my fi', PartialMention(4, "my fi")),
        ("@a.csv and @b", PartialMention(11, "b")),
        ('see @"my file.csv"', None),
        ("me@", None),
        ("me@x", None),
        (r"\@", None),
        (r"\@x", None),
        ("@data.csv ", None),
        ("", None),
        ("plain", None),
    ],
)
def test_the_token_under_the_cursor(before: str, expected: PartialMention | None) -> None:
    assert partial_mention_at(before, len(before)) == expected
    assert partial_mention_at(f"{before} and more @x", len(before)) == expected


def test_the_folder_of_completions() -> None:
    deep = PartialMention(0, "sub/dir/.en")
    assert (deep.folder, deep.prefix, deep.hidden) == ("sub/dir/", ".en", True)
    flat = PartialMention(0, "da")
    assert (flat.folder, flat.prefix, flat.hidden) == ("", "da", False)
    assert PartialMention(0, "/").folder == "/"


def test_candidates() -> None:
    entries = ["Data/", "data.csv", "date.txt", "other"]
    assert complete("da", entries) == ("data.csv", "date.txt", "Data/")
    assert complete("DATA", entries) == ("Data/", "data.csv")
    assert complete("x/y/dat", entries) == ("x/y/data.csv", "x/y/date.txt", "x/y/Data/")
    assert complete("", entries) == tuple(entries)
    assert complete("zzz", entries) == ()


def test_how_a_candidate_is_written() -> None:
    assert as_mention("data.csv") == "@data.csv"
    assert as_mention("./sub/") == "@./sub/"
    assert as_mention("my file.csv") == '@"my file.csv"'
    assert as_mention("my files/") == '@"my files/'
    assert as_mention('a"b.csv') == r'@"a\"b.csv"'
    assert as_mention("what?") == '@"what?"'


# -- pasted paths -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("/home/me/a.csv", ["/home/me/a.csv"]),
        ("/home/me/a.csv ", ["/home/me/a.csv"]),
        ("~/a.csv", ["~/a.csv"]),
        ("'/home/me/my file.csv'", ["/home/me/my file.csv"]),
        ("'/home/me/it'\\''s.csv' ", ["/home/me/it's.csv"]),
        ('"/home/me/a \\"b\\" c.csv"', ['/home/me/a "b" c.csv']),
        ('"/home/me/a\\b.csv"', ["/home/me/a\\b.csv"]),
        (r"/home/me/my\ file\ \(2\).csv", ["/home/me/my file (2).csv"]),
        ("/a.csv /b.csv", ["/a.csv", "/b.csv"]),
        ("/a.csv\n/b.csv\r\n'/c d.csv'", ["/a.csv", "/b.csv", "/c d.csv"]),
        ("file:///home/me/my%20file.csv", ["/home/me/my file.csv"]),
        ("file://localhost/a%23b.csv", ["/a#b.csv"]),
        ("FILE:///a#b?c.csv", ["/a#b?c.csv"]),
        ("file:///a.csv\nfile:///b%C3%A9.csv", ["/a.csv", "/bé.csv"]),
        ("file:///a%ff.csv", ["/a\udcff.csv"]),
        ("file:///C:/x/y%20z.txt", ["C:/x/y z.txt"]),
        ("/home/me/my file.csv", ["/home/me/my file.csv"]),
        ("/home/my file.csv\n/home/other file.csv", ["/home/my file.csv", "/home/other file.csv"]),
        ("/it's mine.csv", ["/it's mine.csv"]),
        (r"C:\Users\me\a b.txt", [r"C:\Users\me\a b.txt"]),
        ("file:/a%20b.csv", ["/a b.csv"]),
        (r'"C:\my files\a.csv" D:\b.csv "E:\c d.txt"', [r"C:\my files\a.csv", r"D:\b.csv", r"E:\c d.txt"]),
        (r"C:\a.csv D:\b.csv", [r"C:\a.csv", r"D:\b.csv"]),
        # macOS names its screenshots with a space that no shell escapes.
        ("/Users/me/Shot\\ at\\ 3.04\u202fPM.png", ["/Users/me/Shot at 3.04\u202fPM.png"]),
        ("'/a\xa0b.csv' /c\u3000d\u2028e.csv", ["/a\xa0b.csv", "/c\u3000d\u2028e.csv"]),
        ("/a\u2003b.csv\r\n/c.csv", ["/a\u2003b.csv", "/c.csv"]),
        (r'"C:\Users\me\a b.txt"', [r"C:\Users\me\a b.txt"]),
    ],
)  # fmt: skip
def test_pasted_paths(text: str, paths: list[str]) -> None:
    assert pasted_paths(text) == tuple(paths)


@pytest.mark.parametrize(
    "text",
    [
        "", "  \n", "hello", "see /home/me/a.csv", "a.csv", "./a.csv", "https://e.example/a", "b/a.csv",
        "file://server/share/a.csv", "file:///a%00b", "file:///a%0ab", "file://[bad", "/a\0b", "/a\x1b[31m",
        "/a.csv\nand text", "/" + "x" * MAX_PASTED, "/a " * (MAX_PATHS + 1), "/" + "x" * 5000, "~root/x", "~",
    ],
)  # fmt: skip
def test_pasted_text_that_is_not_a_list_of_paths(text: str) -> None:
    assert pasted_paths(text) == ()


SIGNS = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])
NAMES = st.lists(st.text(SIGNS, min_size=1, max_size=20).map("/{}".format), min_size=1, max_size=4).filter(
    lambda paths: all(path == path.strip() for path in paths)
)


@given(NAMES)
def test_paths_survive_the_quoting_of_a_shell(paths: list[str]) -> None:
    assert pasted_paths(" ".join(map(shlex.quote, paths))) == tuple(paths)
    assert pasted_paths("\n".join(f"file://{quote(path)}" for path in paths)) == tuple(paths)


@given(st.text(max_size=100))
def test_any_text_is_judged(text: str) -> None:
    assert all(pasted_paths(text)) or not pasted_paths(text)


# -- pasted texts -------------------------------------------------------------------------------
def test_the_size_of_a_large_paste() -> None:
    assert not is_long_paste("x" * LONG_PASTE_CHARACTERS)
    assert is_long_paste("x" * (LONG_PASTE_CHARACTERS + 1))
    assert not is_long_paste("x\n" * (LONG_PASTE_LINES - 1) + "x")
    assert is_long_paste("x\n" * LONG_PASTE_LINES + "x")


def test_folded_and_unfolded() -> None:
    first, second = "a" * 3412, "see [pasted text 1: 3,412 characters] and @b.csv"
    assert chip_text(first, 1) == "[pasted text 1: 3,412 characters]"
    prompt = f"Compare {chip_text(first, 1)} with {chip_text(second, 2)} and @c.csv"
    assert expand_chips(prompt, [first, second]) == f"Compare {first} with {second} and @c.csv"
    assert compose(prompt, [first, second]) == FileMentions(
        f"Compare {first} with {second} and c.csv", ("c.csv",)
    )


@pytest.mark.parametrize(
    "text",
    ["[pasted text 2: 3 characters]", "[pasted text 0: 3 characters]", "[pasted text 1: 4 characters]", "[]"],
)
def test_text_that_only_looks_like_a_chip_stays(text: str) -> None:
    assert expand_chips(text, ["abc"]) == text
    assert expand_chips(chip_text("abc", 1), ["abc"]) == "abc"
    assert expand_chips(chip_text("abc", 1), []) == chip_text("abc", 1)


@given(st.lists(st.text(), max_size=4), st.text(st.characters(exclude_characters="[]")))
def test_any_pasted_text_is_sent_unchanged(pasted: list[str], between: str) -> None:
    prompt = between.join(chip_text(text, number) for number, text in enumerate(pasted, 1))
    assert expand_chips(prompt, pasted) == between.join(pasted)


@pytest.mark.parametrize(
    ("typed", "paths"),
    [
        ("", ()),
        ("  a b.csv ", ("a b.csv",)),
        ("'a b.csv' c.csv", ("a b.csv", "c.csv")),
        (r"a\ b.csv", ("a b.csv",)),
        ("it's.csv", ("it's.csv",)),
    ],
)
def test_paths_behind_a_command(typed: str, paths: tuple[str, ...]) -> None:
    assert named_paths(typed) == paths
