"""Break each promise of docs/security.md, and see that the test that holds it fails.

    python -m tests.house.broken_promises [WORDS]

In a copy of the tree one line is changed, the named test runs, and must fail; then the line is as before.
WORDS choose tests. Some minutes; `test_documents.py` checks in every run that there is a break for each test
and that its line still exists.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE_S: Final = 240.0
"""A test that waits for what no longer happens has failed, too."""


class Break(NamedTuple):
    """The text `old` in a file of the package becomes `new`."""

    file: str
    old: str
    new: str


_UNCLEANED: Final = Break(
    "core/safety.py", "return text if text.isascii() and text.isprintable() else plain(text)", "return text"
)
_IMPORTS: Final = "tests/ledger/test_imports.py"
BREAKS: Final = {
    "tests/api/test_sending.py::test_broken_before_headers_is_doubtful_and_never_resent": Break(
        "api/transport.py", "is_sent = trace is not None and trace.sent", "is_sent = False"
    ),
    "tests/money/test_kills.py::test_killed_at_any_moment": Break(
        "engine/turn_record.py", "return was_sent or request.seen_before is not None", "return False"
    ),
    "tests/api/test_origin.py::test_the_key_goes_to_one_origin_only": Break(
        "api/transport.py", "return origin_of(url) == self.origin", "return True"
    ),
    "tests/api/test_key_redirects.py::test_a_redirect_drops_the_key_for_good": Break(
        "api/download.py",
        "keyed = keyed and client.transport.authorized(url)",
        "keyed = client.transport.authorized(url)",
    ),
    "tests/cli/test_trust.py::test_a_command_asks_once_before_the_key_goes_to_a_new_host": Break(
        "cli/trust.py", "if host in _BUILT_IN or", "if True or host in _BUILT_IN or"
    ),
    "tests/ui/test_app.py::test_the_key_does_not_go_to_a_new_host_by_enter": Break(
        "ui/app.py", "        return agreed\n", "        return True\n"
    ),
    "tests/api/test_downloads_links.py::test_another_origin_receives_no_header_of_ours": Break(
        "api/transport.py", "if keyed else headers,", "if keyed else {**self._headers, **headers},"
    ),
    "tests/money/test_histories.py::test_no_amount_is_wrong_without_a_mark_and_nothing_is_lost": Break(
        "core/money/timeline.py", "if len(turns) == 1 and not strangers and", "if len(turns) == 1 and"
    ),
    "tests/ui/hostile/test_every_widget.py::test_hostile_texts_are_nothing_but_text": _UNCLEANED,
    "tests/ui/test_app.py::test_no_control_character_of_any_widget_reaches_the_terminal": Break(
        "ui/transcript/painting.py", "return not text.isprintable() and bool(", "return not text and bool("
    ),
    "tests/chaos/test_hostile_history.py::test_every_command_over_a_hostile_history": _UNCLEANED,
    "tests/core/test_cleaning.py::test_a_link_text_that_names_another_host_needs_a_confirmation": Break(
        "core/safety.py",
        "if (other := contradicted(link_text, host)) is not None:",
        "if (other := contradicted(link_text, host)) is not None and not link_text:",
    ),
    "tests/core/test_session_exports.py::test_no_text_makes_a_page_run_or_load_anything": Break(
        "core/export/session_html.py", "{escape(turn.prompt)}</div>", "{turn.prompt}</div>"
    ),
    "tests/core/test_datasets.py::test_a_script_gets_every_text_back_and_a_spreadsheet_computes_none": Break(
        "core/safety.py", "if _FORMULA.match(cleaned) and not", "if not cleaned and not"
    ),
    "tests/core/test_cleaning.py::test_an_id_in_a_copied_command_is_one_quoted_word": Break(
        "core/safety.py", "return line if _PLAIN_WORD.fullmatch(line) else", "return line if line else"
    ),
    "tests/api/test_downloads.py::test_nothing_is_overwritten": Break(
        "api/atomic_file.py",
        "folder_fd = self._descriptor\n        os.link(",
        "folder_fd = self._descriptor\n        return self.replace(old, new)\n        os.link(",
    ),
    "tests/api/test_downloads_links.py::test_a_folder_swapped_for_a_link": Break(
        "api/atomic_file.py",
        "self._descriptor = os.open(self._real, _OPEN_FOLDER) if _HAS_DIR_FD else None",
        "self._descriptor = None",
    ),
    "tests/core/test_open_policy.py::test_the_name_and_the_first_bytes_decide": Break(
        "core/safety.py", "if _PROGRAM_START.match(head):", "if not name:"
    ),
    "tests/api/test_downloads.py::test_a_public_service_cannot_redirect_into_the_local_network": Break(
        "api/file_urls.py", "and is_private_host(origin.host):", "and not origin.host:"
    ),
    "tests/api/test_downloads.py::test_a_public_name_of_a_private_address_needs_a_certificate": Break(
        "api/file_urls.py", 'if origin.scheme == "http" and not origin.loopback:', "if not origin.scheme:"
    ),
    "tests/api/test_file_access.py::test_only_the_requested_bytes_are_kept": Break(
        "api/download.py",
        "return FileBeginning(bytes(data[:most]), complete=len(data) <=",
        "return FileBeginning(bytes(data), complete=len(data) <=",
    ),
    "tests/cli/test_trust.py::test_an_imported_session_gives_no_address_for_the_key": Break(
        "engine/session_actor.py", "if session.turns and session.turns[0].imported:", "if not session.turns:"
    ),
    f"{_IMPORTS}::test_a_file_that_is_too_large_is_refused_before_it_is_parsed": Break(
        "core/export/session_file.py",
        "if len(data) > most_bytes(most_mb) or values > most_mb * _VALUES_OF_MB:",
        "if len(data) > most_bytes(most_mb):",
    ),
    f"{_IMPORTS}::test_a_damaged_file_is_refused_or_stored_completely": Break(
        "ledger/history.py",
        "for turn in file.turns:\n                enter_turn",
        "for turn in file.turns[:1]:\n                enter_turn",
    ),
    f"{_IMPORTS}::test_random_sessions_are_equal_after_an_import_and_no_total_changes": Break(
        "ledger/charges/entries.py",
        "if turns[at].turn_id not in elsewhere and not turns[at].imported",
        "if turns[at].turn_id not in elsewhere",
    ),
    f"{_IMPORTS}::test_a_file_cannot_name_files_of_this_machine": Break(
        "core/export/session_file.py", 'return Attachment("", name,', "return Attachment(name, name,"
    ),
    "tests/ledger/test_opening.py::test_a_program_that_ends_while_it_sets_a_file_aside_leaves_no_history"
    "_without_a_word": Break(
        "ledger/database_file.py",
        "if is_marked and not is_there(path) else None",
        "if not path.name else None",
    ),
    "tests/ledger/test_opening.py::test_folder_and_files_are_private": Break(
        "ledger/database_file.py", "folder.mkdir(mode=0o700", "folder.mkdir(mode=0o755"
    ),
    "tests/cli/test_keys.py::test_a_key_goes_into_the_store_and_nowhere_else": Break(
        "cli/commands/key.py", "write((*at, KEY_STORE), True)", "write((*at, API_KEY), settings.key.reveal())"
    ),
    "tests/cli/test_keys.py::test_a_store_that_fails_is_named_and_nothing_is_used_instead": Break(
        "cli/stored_key.py", '"keyring.backends.null", "keyrings.alt"', '"keyring.backends.null"'
    ),
    "tests/ui/test_app.py::test_a_crash_shows_no_values_of_variables": Break(
        "ui/crash.py", "show_locals=False", "show_locals=True"
    ),
    "tests/api/test_sending.py::test_nothing_of_a_request_is_logged": Break(
        "api/transport.py",
        "logger.setLevel(max(logger.level, logging.WARNING))",
        "logger.setLevel(logging.DEBUG)",
    ),
    "tests/local/test_routes.py::test_requests_without_the_key_are_refused": Break(
        "local/routes.py", "if not hmac.compare_digest(", "if not scheme and not hmac.compare_digest("
    ),
    "tests/local/test_connections.py::test_a_request_that_does_not_arrive_ends_its_connection": Break(
        "local/connections.py", "self.loop.call_later(self._request_seconds,", "self.loop.call_later(3600,"
    ),
    "tests/local/test_connections.py::test_another_host_is_refused_also_with_the_right_key": Break(
        "local/connections.py", "_name_of(hosts[0]) in HOSTS", "_name_of(hosts[0]) is not None"
    ),
    "tests/api/test_origin.py::test_unusable_base_urls": Break(
        "api/transport.py", 'if origin.scheme == "http" and not origin.loopback:', "if not origin.scheme:"
    ),
    "tests/cli/test_proxy_passwords.py::test_a_proxy_that_quotes_the_password_does_not_get_it_shown": Break(
        "api/errors.py", "elif isinstance(problem, transport_errors().proxy):", "elif False:"
    ),
    "tests/ledger/test_repair.py"
    "::test_a_repair_that_loses_rows_changes_no_amount_and_the_doctor_is_content": Break(
        "ledger/charges/entries.py",
        "return connection.execute(_IS_KEPT, (pack(turn_id), KEPT)).fetchone() is not None",
        "return False",
    ),
    "tests/api/test_loopback_proxy.py::test_no_spelling_of_this_machine_reaches_the_proxy": Break(
        "api/transport.py", "direct = origin is not None and origin.loopback", "direct = origin is None"
    ),
    "tests/chaos/test_processes.py::test_kill9_before_headers": Break(
        "engine/open_session.py",
        "await self._log.open_turn(self.value, request, replaces, start)",
        "pass",
    ),
    "tests/ledger/test_proof.py::test_a_flipped_bit_in_the_schema_is_found_and_repaired": Break(
        "ledger/repair.py",
        "return version == len(MIGRATIONS) and bool(altered_entries(connection))",
        "return False",
    ),
    "tests/ledger/test_repair.py::test_readable_rows_are_saved": Break(
        "ledger/repair.py",
        "if complete:\n            return\n        at =",
        "if low is None or low:\n            return\n        at =",
    ),
    "tests/ui/screens/test_every_screen_ends.py::test_ctrl_c_says_what_it_does_and_then_quits": Break(
        "ui/app.py",
        'return self.screen is not self.work if action == "quit_above" else True',
        'return action != "quit_above"',
    ),
    "tests/chaos/test_surroundings.py"
    "::test_what_was_typed_and_can_be_saved_nowhere_is_on_the_terminal_at_the_end": Break(
        "ui/work/session_switcher.py", "if typed == self._on_disk:", "if typed:"
    ),
}
"""The test that holds a promise → what breaks the promise."""


def fails(test: str, tree: Path) -> tuple[bool, str]:
    """Whether a test fails in a tree, and the last line that pytest prints."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-n", "0", test]
    # Programs that a test starts are those of the copy, too.
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tree)}
    try:
        ran = subprocess.run(
            command, cwd=tree, env=environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return True, "it waited for ever"
    lines = ran.stdout.strip().splitlines() or [ran.stderr[-200:]]
    # 1: a test failed. Anything else says nothing about the promise.
    return ran.returncode == 1, lines[-1]


def main() -> int:
    """Break and test; 1 where a test does not notice."""
    words, missed = sys.argv[1:], 0
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", "__pycache__", ".venv"))
        for test, broken in BREAKS.items():
            if not all(word in test for word in words):
                continue
            path = tree / "handinger_tui" / broken.file
            text = path.read_text("utf-8")
            path.write_text(text.replace(broken.old, broken.new, 1), "utf-8")
            began = time.monotonic()
            has_failed, summary = fails(test, tree)
            path.write_text(text, "utf-8")
            missed += not has_failed
            mark = "fails" if has_failed else "DOES NOT FAIL"
            print(f"{test}: {mark} ({time.monotonic() - began:.0f} s, {summary})", flush=True)
    print(f"{missed} do not fail")
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
