"""JSON trees: built on demand, exact, and safe for any depth and size."""

from __future__ import annotations

import json
import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handinger_tui.core.jsontext import MAX_DEPTH, json_text
from handinger_tui.core.previews.trees import (
    MAX_JSON_BYTES,
    Node,
    NodeKind,
    children,
    tree_of_json,
    tree_of_value,
)


def root_of(text: str) -> Node:
    root = tree_of_json(text.encode()).root
    assert root is not None
    return root


def test_nodes_describe_their_content() -> None:
    root = root_of('{"n": 1.10, "t": "a\\nb\\u001b[2J", "l": [true, null], "o": {}}')
    assert (root.kind, root.text, root.children) == (NodeKind.OBJECT, "{} 4 members", 4)
    assert [(node.key, node.kind, node.text, node.children) for node in children(root)] == [
        ("n", NodeKind.NUMBER, "1.10", 0),
        ("t", NodeKind.STRING, "a b[2J", 0),
        ("l", NodeKind.ARRAY, "[] 2 items", 2),
        ("o", NodeKind.OBJECT, "{} 0 members", 0),
    ]
    assert [(node.key, node.text) for node in children(children(root)[2])] == [("0", "true"), ("1", "null")]
    assert children(children(root)[0]) == []


def test_numbers_keep_their_spelling() -> None:
    written = ["1e400", "0.10", "-0", "12345678901234567890.123456789", "1" + "0" * 5000]
    shown = [node.text for node in children(root_of(f"[{','.join(written)}]"))]
    assert shown[:4] == written[:4]
    assert shown[4].startswith("1000")
    assert json_text(root_of(f"[{','.join(written)}]").value) == "[\n  " + ",\n  ".join(written) + "\n]\n"


def test_children_come_in_pages() -> None:
    root = root_of(json.dumps(list(range(5000))))
    assert len(children(root)) == 1000
    assert [node.key for node in children(root, 4998, 10)] == ["4998", "4999"]


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[1,]", "not valid JSON"),
        (b'{"a": \x1b}', "not valid JSON"),
        (b"[" * 100_000 + b"]" * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        (b'{"a":' * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), f"nested deeper than {MAX_DEPTH} levels"),
        (b" " * (MAX_JSON_BYTES + 1), "larger than 16 MiB"),
        (b'["' + b'\\"[' * 100_000, "not valid JSON"),
    ],
)
def test_an_unreadable_document_has_a_reason(data: bytes, note: str) -> None:
    tree = tree_of_json(data)
    assert tree.root is None
    assert tree.notes[0].startswith(note)


def test_the_deepest_that_is_shown_can_be_walked_and_saved() -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    node = root_of(text)
    for _ in range(MAX_DEPTH - 1):
        (node,) = children(node)
    assert node.children == 0
    assert json.loads(json_text(root_of(text).value)) == json.loads(text)


def test_constants_that_are_not_json_are_reported() -> None:
    tree = tree_of_json(b"[NaN, -Infinity]")
    assert tree.root is not None
    assert [node.text for node in children(tree.root)] == ["NaN", "-Infinity"]
    assert tree.notes == ("NaN and Infinity are not valid JSON; shown as written",)


def test_values_that_were_read_already_are_shown_alike() -> None:
    root = tree_of_value({"usd": Decimal("0.10"), "n": 3, "f": 1.5, "x": None}).root
    assert root is not None
    assert [node.text for node in children(root)] == ["0.10", "3", "1.5", "null"]
    assert json_text(root.value) == '{\n  "usd": 0.10,\n  "n": 3,\n  "f": 1.5,\n  "x": null\n}\n'


def test_two_megabytes_are_read_quickly_and_shown_lazily() -> None:
    data = json.dumps([{"id": n, "name": f"n {n}", "tags": ["a"]} for n in range(50_000)]).encode()
    assert len(data) > 2_000_000
    start = time.thread_time()
    tree = tree_of_json(data)
    # Measured at 0.4 s.
    assert time.thread_time() - start < 4
    assert tree.root is not None
    start = time.thread_time()
    assert len(children(tree.root, 40_000)) == 1000
    assert time.thread_time() - start < 0.2


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_a_saved_document_equals_the_read_one(value: object) -> None:
    tree = tree_of_json(json.dumps(value).encode())
    assert tree.root is not None
    assert json.loads(json_text(tree.root.value)) == value
    assert tree.root.children == len(children(tree.root))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60) | st.text(st.sampled_from('[]{}",:\\ 1-.eEtrue'), max_size=40).map(str.encode))
def test_any_bytes_are_a_tree_or_a_note(data: bytes) -> None:
    tree = tree_of_json(data)
    assert tree.root is not None or tree.notes
