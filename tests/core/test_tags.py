"""Names of tags and projects, and the rules that assign them."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handinger_tui.core.errors import SettingsError
from handinger_tui.core.safety import clean_line, csv_field
from handinger_tui.core.tags import (
    MAX_NAME,
    NO_LABELS,
    PROJECT_KINDS,
    TAG_KINDS,
    Labels,
    SessionFacts,
    TagRules,
    labels_text,
    rules_in,
    tag_name,
)

HOME = "/home/ada"


def rules(tags: dict[str, object] | None = None, projects: dict[str, object] | None = None) -> TagRules:
    return TagRules(
        rules_in(tags or {}, "tags.{}".format, TAG_KINDS, HOME),
        rules_in(projects or {}, str, PROJECT_KINDS, HOME),
    )


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Client-A", "client-a"),
        ("#tea", "tea"),
        (" x ", "x"),
        ("Straße", "strasse"),
        ("ﬁn/q4", "fin/q4"),
        ("東京", "東京"),
    ],
)
def test_names_are_compared_without_case(typed: str, name: str) -> None:
    assert tag_name(typed) == name


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "#",
        "-x",
        "=1+1",
        "@x",
        "a b",
        "a,b",
        "a;b",
        'a"b',
        "a\x1b[31m",
        "a\nb",
        "\u202ea",
        "a\u200bb",
        "x" * 41,
        "/x",
        "a:b",
        "�",
        "🎉",
    ],
)
def test_hostile_names_are_refused_with_a_hint(typed: str) -> None:
    with pytest.raises(SettingsError) as refused:
        tag_name(typed)
    assert "letters, digits" in refused.value.hint
    assert clean_line(refused.value.summary) == refused.value.summary


@given(st.text(max_size=60))
@example("ŉ" * 30)
@example("İ")
@example("ᾳ")
@example("e" + "\u0301" * 60)
def test_every_name_is_safe_and_names_itself(typed: str) -> None:
    with suppress(SettingsError):
        name = tag_name(typed)
        assert tag_name(name) == name
        assert 0 < len(name) <= MAX_NAME
        assert csv_field(name) == name
        assert name.isprintable()
        assert not set(name) & set(" ,;\"'=+@#:")


# -- rules ---------------------------------------------------------------------------------
def test_a_rule_matches_worker_folder_or_title() -> None:
    own = rules(
        {
            "Tea": "title:*TEA*",
            "home": ["folder:~/code/", "folder:/srv/*/docs"],
            "robot": ["worker:wrk_1", "worker:tpl_*"],
        }
    )
    assert own.labels(SessionFacts(title="Green tea?")).rules == ("tea",)
    assert own.labels(SessionFacts(folder="/home/ada/code")).rules == ("home",)
    assert own.labels(SessionFacts(folder="/home/ada/code/deep/down")).rules == ("home",)
    assert own.labels(SessionFacts(folder="/home/ada/codeshop")) == NO_LABELS
    assert own.labels(SessionFacts(folder="/srv/a/docs/b")).rules == ("home",)
    assert own.labels(SessionFacts(folder="C:\\home")) == NO_LABELS
    everywhere = rules({"all": "folder:/", "any": "folder:*"})
    assert everywhere.labels(SessionFacts(folder="/")).rules == ("all", "any")
    assert everywhere.labels(SessionFacts(folder="/a/b")).rules == ("all", "any")
    assert everywhere.labels(SessionFacts()) == NO_LABELS, "what is not known is in no folder"
    assert own.labels(SessionFacts(("wrk_1",))).rules == ("robot",)
    assert own.labels(SessionFacts(("wrk_10",))) == NO_LABELS
    assert own.labels(SessionFacts(("tsk_1", "tpl_9"))).rules == ("robot",)
    # An unknown value matches only "everything".
    assert own.labels(SessionFacts()) == NO_LABELS


def test_windows_folders_are_compared_too() -> None:
    own = rules({"a": "folder:C:\\work\\a"})
    assert own.labels(SessionFacts(folder="C:\\work\\a\\b")).rules == ("a",)


def test_a_session_belongs_to_the_first_project_that_applies() -> None:
    own = rules({"tea": "title:*tea*"}, {"acme": ["tag:Tea", "folder:/acme"], "other": "worker:*"})
    assert own.labels(SessionFacts(("wrk_1",), title="Tea")).project == "acme"
    assert own.labels(SessionFacts(("wrk_1",), "/acme/x")).project == "acme"
    assert own.labels(SessionFacts(("wrk_1",)), ("tea",)).project == "acme"
    assert own.labels(SessionFacts(("wrk_1",)), (), ("tea",)).project == "acme"
    assert own.labels(SessionFacts(("wrk_1",)), ("b",)).project == "other"
    assert own.labels(SessionFacts(), ("b",)).project == ""


def test_labels_name_each_tag_once_with_its_origin() -> None:
    labels = Labels(("b", "a"), ("c", "a"), ("d", "c"), "p")
    assert labels.tags == ("a", "b", "c", "d")
    assert labels_text(labels) == "Tags: a, b, c (worker), d (rule). Project: p."
    assert labels_text(NO_LABELS) == "Tags: none."


@pytest.mark.parametrize(
    "rule",
    [
        "tea",
        "title:",
        "color:red",
        "tag:tea",
        7,
        ["title:x", None],
        "folder:work",
        "title:" + "x" * 301,
        {"title": "x"},
    ],
)
def test_an_invalid_rule_is_an_error_that_names_it(rule: object) -> None:
    with pytest.raises(SettingsError) as refused:
        rules({"tea": rule})
    assert "tags.tea" in refused.value.summary


SUBJECTS = st.builds(
    SessionFacts,
    st.lists(st.text(max_size=9), max_size=2).map(tuple),
    st.text(max_size=20),
    st.text(max_size=30),
)
PATTERNS = st.sampled_from(TAG_KINDS).flatmap(
    lambda kind: st.text("ab*?[]!-/\\^.", min_size=1, max_size=20).map(lambda text: f"{kind}:/{text}")
)


@given(st.dictionaries(st.sampled_from("abc"), st.lists(PATTERNS, max_size=3), max_size=3), SUBJECTS)
def test_rules_are_pure_and_any_pattern_is_decided(table: dict[str, object], facts: SessionFacts) -> None:
    own = rules(table)
    labels = own.labels(facts, ("x",))
    assert labels == own.labels(facts, ("x",)) == rules(table).labels(facts, ("x",))
    assert set(labels.rules) <= set(table)


def test_no_pattern_can_hang() -> None:
    own = rules({"a": "title:" + "*a" * 140 + "b"})
    begun = time.process_time()
    for _ in range(100):
        assert own.labels(SessionFacts(title="a" * 5_000)) == NO_LABELS
    assert time.process_time() - begun < 5
