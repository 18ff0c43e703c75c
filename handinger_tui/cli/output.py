"""Output: answers, lists and JSON go to stdout, everything else to stderr; all of it is cleaned."""

from __future__ import annotations

import argparse
import sys

from handinger_tui.core.jsontext import JsonObject, dump
from handinger_tui.core.safety.cleaning import clean, clean_json


def say(text: str) -> None:
    """Print a line to stderr, with control characters removed."""
    sys.stderr.write(clean(text) + "\n")
    sys.stderr.flush()


def put(text: str, end: str = "\n") -> None:
    """Print text to stdout, with control characters removed whatever its origin."""
    sys.stdout.write(clean(text) + end)


def put_result(args: argparse.Namespace, value: JsonObject, text: str) -> None:
    """Print a result to stdout, as JSON with `--json`, else as text."""
    put(dump(clean_json(value)) if args.json else text)


def sentence(text: str) -> str:
    """Return `text` with a full stop, unless it ends with punctuation. Service messages often lack one."""
    text = text.rstrip()
    return text if text.endswith((".", "!", "?", "…", ":")) else f"{text}."
