"""The parser is made in one thread while another one needs it already."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
from threading import Event, Thread
from markdown_it.ruler import Ruler
from handinger_tui.ui.transcript.document import load_parser, render

begun, goes_on, compile_rules = Event(), Event(), Ruler.__compile__

def compile_slowly(ruler):
    if not begun.is_set():
        # As markdown-it does: the rules are there before they are complete.
        ruler.__cache__ = {}
        begun.set()
        goes_on.wait()
    compile_rules(ruler)

Ruler.__compile__ = compile_slowly
other = Thread(target=load_parser)
other.start()
begun.wait()
try:
    print(len(render("One *answer*.", 80)))
finally:
    goes_on.set()
    other.join()
"""


def test_a_parser_that_is_half_made_is_seen_by_no_other_thread() -> None:
    """It ended the app on a busy machine, between the first screen and the first answer."""
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("1\n", "")
