"""The table of every key binding, from which footer, help and docs/keys.md are made.

Widgets and screens take theirs with `bindings`. Keys that a text area or an input of Textual brings along
are not listed.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from textual.binding import ActiveBinding, Binding, BindingType

from handinger_tui.core.acts import RULES, Act


class Where(StrEnum):
    """The places where keys work; each value is a heading of the help screen."""

    PROMPT = "Prompt"
    CHIPS = "Attachments"
    QUEUE = "Queued messages"
    WELCOME = "First screen"
    ANYWHERE = "Anywhere"
    ABOVE = "Any page or dialog"
    TRANSCRIPT = "Browse mode"
    FIND = "Find bar"
    REPLAY = "Replay"
    SOURCES = "Sources panel"
    SESSIONS = "Session list"
    HISTORY = "Prompt history"
    PALETTE = "Command palette"
    SCREEN = "Full-screen pages"
    SPENDING = "Spending"
    SPENDING_ROWS = "Rows of spending"
    RECEIPT = "Receipt"
    BUDGETS = "Budget comparison"
    SCHEDULES = "Schedules"
    WEBHOOK = "Webhook"
    SETTINGS = "Settings"
    RUNS = "Runs"
    PANEL = "Sources and files panels"
    USAGE = "Usage panel"
    FILES = "Files panel"
    PANELS = "Panels"
    PREVIEW = "Preview"
    PAGE = "Text preview"
    DATA = "Data viewer"
    LINES = "Tables and trees"
    LIST = "Lists"
    TABLE = "Tables"
    TREE = "Trees"
    DIALOG = "Dialogs"
    QUESTION = "Questions"
    WORKERS = "Workers"
    WORKER_ROWS = "List of workers"
    TASK_ROWS = "Tasks of a worker"
    WORKER_FORM = "Form of a worker"
    HELP = "Help"
    PROBLEM = "Connection error"


_FIRST: Final = frozenset(
    {
        *(Where.PROMPT, Where.ANYWHERE, Where.ABOVE, Where.REPLAY, Where.SESSIONS, Where.HISTORY),
        *(Where.WORKER_FORM, Where.FIND),
    }
)
"""Places whose keys come before those of the focused widget, such as the keys of a text area or an input."""


class Key(Struct, frozen=True):
    """A row of the key table.

    `keys`: key names of Textual, comma-separated; `label`: text in the footer; `tooltip`: text in the help.
    `footer`: position in the footer, 0 for none. Without room for all, the highest are hidden first.
    `last`: the key works only where the focused widget has no use for it, whatever the place. `where`: see
    `_keys`.
    """

    id: str
    keys: str
    action: str
    label: str
    tooltip: str
    footer: int = 0
    last: bool = False
    where: Where = Where.ANYWHERE

    def binding(self) -> BindingType:
        """The binding of Textual, whose keys the key map of the person may replace."""
        return Binding(
            self.keys,
            self.action,
            self.label,
            show=self.footer > 0,
            key_display=format_key(self.keys.split(",")[0]),
            priority=self.where in _FIRST and not self.last,
            tooltip=self.tooltip,
            id=self.id,
        )


def _keys(where: Where, *keys: Key) -> Iterable[Key]:
    """The keys of one place."""
    return (replace(key, where=where) for key in keys)


# One key is one line, or two.
# fmt: off
KEYS: Final = (
    *_keys(
        Where.PROMPT,
        Key("prompt.send", "enter", "send", "Send", RULES[Act.SEND].help, 1),
        Key("prompt.newline", "ctrl+j,shift+enter,alt+enter", "newline", "New line",
            "New line; also \\ at the end of a line"),
        Key("prompt.queue", "tab", "queue", "Queue", RULES[Act.QUEUE].help, 3),
        Key("prompt.complete", "tab", "complete", "Complete",
            "Complete a command, an argument or a file name"),
        Key("prompt.yank", "ctrl+y", "yank", "Yank", "Paste what ^U, ^W or ^K cut"),
        Key("prompt.undo", "ctrl+underscore,ctrl+minus,alt+z", "undo", "Undo", "Undo the last change"),
        Key("prompt.older", "up", "older", "Older",
            "Previous prompt or queued message (from the first line)"),
        Key("prompt.newer", "down", "newer", "Newer",
            "Next prompt (from the last line), or the first screen"),
        Key("prompt.budget", "shift+tab", "screen.command('budget', 'next')", "Budget",
            "Next budget level", 4),
        Key("prompt.history", "ctrl+r", "screen.command('history')", "History", "Search prompt history"),
        Key("prompt.editor", "ctrl+g", "screen.command('editor')", "Editor", "Edit in $EDITOR; also ^X ^E"),
        Key("prompt.chips", "f8", "screen.key('chips')", "Attachments", "Attachments, or the queue"),
        Key("prompt.help", "question_mark", "help", "Help", "Help (from an empty prompt)"),
        Key("prompt.end", "end", "follow", "Follow", "Follow the answer (from an empty prompt)"),
        Key("prompt.runs", "left", "runs", "Runs", "The runs board (from an empty prompt)"),
    ),
    *_keys(
        Where.CHIPS,
        Key("chips.before", "left", "move(-1)", "Previous", "Previous attachment"),
        Key("chips.after", "right", "move(1)", "Next", "Next attachment"),
        Key("chips.remove", "delete,backspace,x", "remove", "Remove", "Remove the attachment", 1),
        Key("chips.unfold", "enter", "unfold", "Expand", "Expand the pasted text in the prompt", 3),
    ),
    *_keys(
        Where.QUEUE,
        Key("queue.up", "up", "mark(-1)", "Previous", "Previous queued message"),
        Key("queue.down", "down", "mark(1)", "Next", "Next queued message, then the prompt"),
        Key("queue.edit", "enter", "edit", "Edit", RULES[Act.EDIT_QUEUED].help, 1),
        Key("queue.drop", "delete,backspace", "drop", "Remove", "Remove from the queue", 2),
        Key("queue.drop_letter", "x", "drop_by_letter", "Remove", "Remove from the queue"),
        Key("queue.send", "s", "send_now", "Send now", RULES[Act.SEND_ONE].help, 3),
        Key("queue.move_up", "alt+up", "move(-1)", "Move up", "Send earlier", 3),
        Key("queue.move_down", "alt+down", "move(1)", "Move down", "Send later", 3),
    ),
    *_keys(
        Where.WELCOME,
        Key("welcome.up", "up", "mark(-1)", "Previous", "Previous prompt or session, then the prompt"),
        Key("welcome.down", "down", "mark(1)", "Next", "Next prompt or session, then the prompt"),
        Key("welcome.choose", "enter", "choose", "Choose", "Try the prompt, or open the session", 1),
    ),
    *_keys(
        Where.ANYWHERE,
        Key("work.detach", "escape", "command('detach')", "Stop watching", RULES[Act.DETACH].help, 2),
        Key("work.back", "escape", "key('back')", "Back", "Close whatever is open", 2),
        Key("work.browse", "ctrl+up", "key('browse')", "Browse",
            "Browse the answers with single keys; also a click on a message"),
        Key("work.help", "f1", "command('help')", "Help", "Keys and commands", 5),
        Key("work.sessions", "ctrl+s", "command('sessions')", "Sessions", "Open another session", 6),
        Key("work.new", "ctrl+n", "command('new')", "New", "Start a new session", 7),
        Key("work.panels", "ctrl+b,f6", "command('panels')", "Panels", "Show or hide the panels", 8),
        Key("panel.usage", "f2", "panel('usage')", "Usage & cost", "What this turn and this worker cost"),
        Key("panel.sources", "f3", "panel('sources')", "Sources", "Pages and documents the worker used"),
        Key("panel.files", "f4", "panel('files')", "Files", "Files the worker created"),
        Key("work.palette", "ctrl+p", "command('palette')", "Commands", "Command palette", 9),
        Key("work.receipt", "ctrl+t", "command('receipt')", "Receipt", "Receipt of the last turn"),
        Key("work.spending", "f9", "command('spending')", "Spending", "Spending: what is spent and left"),
        Key("work.runs", "f7", "command('runs')", "Runs", "What needs you, what runs, and what it costs"),
        Key("work.redraw", "ctrl+l", "command('redraw')", "Redraw", "Redraw the screen"),
        Key("work.before", "alt+up", "key('before')", "Previous", "Previous open session", last=True),
        Key("work.after", "alt+down", "key('after')", "Next", "Next open session", last=True),
        Key("work.data", "f5", "command('data')", "Data", "Structured output and data parts"),
        Key("work.details", "ctrl+o", "command('details')", "Details",
            "Show more, or less, of tool calls and thoughts"),
        Key("work.find", "ctrl+f", "command('find')", "Find", "Find in this session"),
        Key("work.up", "pageup", "key('page_up')", "Page up", "Scroll up one page"),
        Key("work.down", "pagedown", "key('page_down')", "Page down", "Scroll down one page"),
        Key("work.top", "ctrl+home", "key('home')", "Top", "Go to the beginning"),
        Key("work.bottom", "ctrl+end", "key('end')", "End", "Go to the end and follow"),
        Key("work.clear", "ctrl+c", "key('clear')", "Clear",
            "Copy the selection or clear; press twice to quit"),
        Key("work.copy_text", "super+c", "screen.copy_text", "Copy", "Copy the selected text", last=True),
        Key("work.leave", "ctrl+d", "key('leave_if_empty')", "Quit", "Quit (from an empty prompt)"),
        Key("work.suspend", "ctrl+z", "key('suspend')", "Suspend", "Suspend (fg to return)"),
    ),
    *_keys(
        Where.ABOVE,
        Key("above.quit", "ctrl+c", "quit_above", "Quit", "Copy the selection; press twice to quit"),
    ),
    *_keys(
        Where.FIND,
        Key("find.next", "down,enter", "step(1)", "Next", "Next match", 1),
        Key("find.previous", "up,shift+enter", "step(-1)", "Previous", "Previous match", 2),
    ),
    *_keys(
        Where.TRANSCRIPT,
        Key("transcript.actions", "enter", "key('actions')", "Actions",
            "Copy, edit, retry or fork this message; nothing is sent yet", 1),
        Key("transcript.next", "j", "key('next')", "Next", "Next message or code block", 1),
        Key("transcript.previous", "k", "key('previous')", "Previous", "Previous message or code block", 1),
        Key("transcript.match", "n", "key('match')", "Next match", "Next match", 4),
        Key("transcript.match_up", "N", "key('match_up')", "Previous match", "Previous match"),
        Key("transcript.copy", "y", "key('copy')", "Copy", "Copy the message or code block", 1),
        Key("transcript.table", "c", "key('table')", "Table", "Copy a table as CSV; again for the next", 4),
        Key("transcript.mention", "m", "key('mention')", "Mention", "Next mention of a source", 3),
        Key("transcript.mention_up", "M", "key('mention_up')", "Previous mention",
            "Previous mention of a source"),
        Key("transcript.source", "s", "key('source')", "Source", "Go to the source mentioned here", 3),
        Key("transcript.unfold", "o", "key('unfold')", "Unfold", "Show or hide the details here", 2),
    ),
    *_keys(
        Where.SOURCES,
        Key("sources.open", "enter", "request('open')", "Open", "Open the source in the browser", 1),
        Key("sources.mention", "m", "mention(1)", "Mentioned", "Go to the next mention", 1),
        Key("sources.mention_up", "M", "mention(-1)", "Previous mention", "Go to the previous mention"),
        Key("sources.group", "g", "group", "Group", "Group by host or by turn", 2),
        Key("sources.copy", "y", "request('copy')", "Copy", "Copy the address", 2),
        Key("sources.footnotes", "f", "request_all('footnotes')", "Footnotes",
            "Copy all sources as footnotes", 3),
        Key("sources.export", "e", "request_all('export')", "Export",
            "Save all sources: Markdown, CSL-JSON, BibTeX", 3),
    ),
    *_keys(
        Where.SESSIONS,
        Key("sessions.open", "enter", "open", "Open", "Open the selected session", 1),
        Key("sessions.rename", "f2", "rename", "Rename", "Rename the session", 2),
        Key("sessions.delete", "ctrl+x", "delete", "Delete", RULES[Act.DELETE].help, 3),
        Key("sessions.undo", "ctrl+underscore,alt+z", "undo", "Undo", "Bring back what ^X deleted", 1),
        Key("sessions.sort", "f3", "sort", "Sort", "Newest first, by cost, by title"),
        Key("sessions.pin", "f4", "pin", "Pin", "Keep at the top, or no longer", 4),
        Key("sessions.archive", "f6", "archive", "Archive", "List only where it is searched, or again"),
        Key("sessions.down", "down", "move(1)", "Down", "Next session"),
        Key("sessions.up", "up", "move(-1)", "Up", "Previous session"),
    ),
    *_keys(
        Where.HISTORY,
        Key("history.down", "down", "move(1)", "Down", "Next prompt"),
        Key("history.up", "up", "move(-1)", "Up", "Previous prompt"),
        Key("history.older", "ctrl+r", "move(1)", "Older", "Older prompt"),
    ),
    *_keys(
        Where.SPENDING,
        Key("spending.narrow", "enter", "narrow", "Drill in", "Drill into the selected row", 1),
        Key("spending.widen", "backspace", "widen", "Up", "Go up one level", 2),
        Key("spending.open", "o", "open", "Open session", "Open the session of the selected row", 3),
        Key("spending.assign", "a", "assign", "Assign", "Assign unassigned cost to a turn, or undo", 3),
        Key("spending.period", "p", "period", "Period", "All time, this month, 7 days, today", 4),
        Key("spending.charts", "c", "charts", "Charts", "Switch table/charts (narrow screens)", 5),
        Key("spending.back", "escape", "back", "Back", "Go up one level, or close", 6),
        Key("spending.overview", "v", "group('overview')", "Overview", "What is spent and left"),
        Key("spending.day", "d", "group('day')", "Days", "Group by day, week, month"),
        Key("spending.worker", "w", "group('worker')", "Workers", "Group by worker"),
        Key("spending.session", "s", "group('session')", "Sessions", "Group by session"),
        Key("spending.project", "P", "group('project')", "Projects", "Group by project"),
        Key("spending.tag", "T", "group('tag')", "Tags", "Group by tag"),
        Key("spending.profile", "f", "group('profile')", "Profiles", "Group by profile"),
        Key("spending.budget", "b", "group('budget')", "Budgets", "Group by budget"),
        Key("spending.trigger", "g", "group('trigger')", "Triggers", "Group by what started the turn"),
        Key("spending.turn", "t", "group('turn')", "Turns", "List turns, newest first"),
        Key("spending.money", "m", "money", "Real/simulated", "Switch between real and simulated money"),
        Key("spending.reload", "r", "reload", "Refresh", "Refresh the figures"),
    ),
    *_keys(
        Where.SPENDING_ROWS,
        Key("spending.up", "up,k", "step(-1)", "Up", "Previous row"),
        Key("spending.down", "down,j", "step(1)", "Down", "Next row"),
        Key("spending.page_up", "pageup", "page(-1)", "Page up", "Scroll up one page"),
        Key("spending.page_down", "pagedown", "page(1)", "Page down", "Scroll down one page"),
        Key("spending.first", "home", "jump(0)", "First", "First row"),
        Key("spending.last", "end", "jump(-1)", "Last", "Last row"),
    ),
    *_keys(
        Where.RECEIPT,
        Key("receipt.before", "left,p", "step(-1)", "Previous", "Receipt of the previous turn", 1),
        Key("receipt.after", "right,n", "step(1)", "Next", "Receipt of the next turn", 2),
        Key("receipt.copy", "y", "copy", "Copy", "Copy the receipt as text", 3),
        Key("receipt.markdown", "m", "save('md')", "Markdown", "Save as Markdown", 4),
        Key("receipt.json", "j", "save('json')", "JSON", "Save as JSON", 5),
        Key("receipt.close", "escape,q", "close", "Close", "Close the receipt", 6),
    ),
    *_keys(
        Where.BUDGETS,
        Key("budgets.all", "a", "other", "Scope", "Switch between all workers and this one", 1),
        Key("budgets.close", "escape,q", "close", "Close", "Close the comparison", 2),
    ),
    *_keys(
        Where.SCHEDULES,
        Key("schedules.add", "a", "add", "Add", RULES[Act.ADD_SCHEDULE].help, 1),
        Key("schedules.change", "e", "change", "Edit", "Replace it (shows its price and asks first)", 2),
        Key("schedules.cancel", "x,delete", "cancel", "Cancel it", "Cancel the selected schedule", 2),
        Key("schedules.reload", "r", "reload", "Refresh", "Read the schedules again (free)", 3),
    ),
    *_keys(
        Where.WEBHOOK,
        Key("webhook.set", "s", "set", "Set", "Set or replace the address", 1),
        Key("webhook.show", "t", "show", "Token", "Show or hide the token", 2),
        Key("webhook.copy", "c", "copy_token", "Copy token", "Copy the token without showing it", 3),
        Key("webhook.renew", "N", "renew", "New token", "Replace the token (asks first)", 6),
        Key("webhook.clear", "x", "clear", "Clear", "Remove address and token (asks first)", 7),
        Key("webhook.after", "right,n", "turn(1)", "Older", "Older deliveries", 5),
        Key("webhook.before", "left,p", "turn(-1)", "Newer", "Newer deliveries"),
        Key("webhook.reload", "r", "reload", "Refresh", "Read webhook and deliveries again", 8),
    ),
    *_keys(
        Where.SETTINGS,
        Key("settings.set", "enter", "set", "Change", "Write another value into the config file", 1),
        Key("settings.unset", "x,delete", "unset", "Remove", "Remove the value from the config file", 2),
        Key("settings.reload", "r", "reload", "Refresh", "Read the settings again", 6),
    ),
    *_keys(
        Where.RUNS,
        Key("runs.open", "enter", "show('open')", "Open", RULES[Act.OPEN].help, 1),
        Key("runs.peek", "space", "act('peek')", "Peek", "Last lines and receipt", 2),
        Key("runs.reply", "r", "show('reply')", "Reply", "Write to it; nothing is sent yet", 3),
        Key("runs.watch", "w", "act('watch')", "Watch", "Watch it, or stop watching (it keeps running)", 4),
        Key("runs.read", "u", "act('read')", "Read", "Mark as read", 6),
        Key("runs.pin", "p", "act('pin')", "Pin", "Keep in sight, or no longer", 7),
        Key("runs.snooze", "z", "act('snooze')", "Snooze", "Needs nothing for an hour, or again", 7),
        Key("runs.sort", "s", "arrange", "Sort", "Put the rows in order again", 8),
        Key("runs.add", "a", "add", "Add by id", "Add a run by id or address (free)", 8),
        Key("runs.all", "f", "quiet", "Quiet", "Unfold or fold quiet sessions", 8),
        # Before the key of lists that sorts: these rows have one order.
        Key("runs.address", "o", "act('address')", "Address", "Open its address in the dashboard", 9),
        Key("runs.webhook", "h", "act('webhook')", "Webhook", "Deliveries of its webhook, where it fails"),
        Key("runs.change", "e", "act('change')", "Edit", "Change a schedule (shows its price, asks)", 5),
        Key("runs.stop", "x", "stop", "Stop", "Why there is no stop key"),
    ),
    *_keys(
        Where.PANELS,
        Key("panels.after", "tab,right", "screen.key('panel_after')", "Next panel", "Next panel", 4),
        Key("panels.before", "shift+tab,left", "screen.key('panel_before')", "Previous", "Previous panel"),
    ),
    *_keys(
        Where.PANEL,
        Key("panel.up", "up", "step(-1)", "Up", "Previous item"),
        Key("panel.down", "down", "step(1)", "Down", "Next item"),
        Key("panel.page_up", "pageup", "page(-1)", "Page up", "Scroll up one page"),
        Key("panel.page_down", "pagedown", "page(1)", "Page down", "Scroll down one page"),
        Key("panel.first", "home", "jump(0)", "First", "First item"),
        Key("panel.last", "end", "jump(-1)", "Last", "Last item"),
    ),
    *_keys(
        Where.USAGE,
        Key("usage.up", "up", "scroll_up", "Up", "Scroll up"),
        Key("usage.down", "down", "scroll_down", "Down", "Scroll down"),
        Key("usage.page_up", "pageup", "page_up", "Page up", "Scroll up one page"),
        Key("usage.page_down", "pagedown", "page_down", "Page down", "Scroll down one page"),
        Key("usage.top", "home", "scroll_home", "Top", "Go to the top"),
        Key("usage.end", "end", "scroll_end", "End", "Go to the end"),
    ),
    *_keys(
        Where.FILES,
        Key("files.preview", "enter", "request('preview')", "Preview", "Preview the file", 1),
        Key("files.save", "s", "request('save')", "Save", "Save the file", 2),
        Key("files.save_into", "S", "request('save_into')", "Save to…", "Save to another folder"),
        Key("files.save_all", "a", "save_all", "Save new", "Save the new files, those of the last turn", 3),
        Key("files.open", "o", "request('open')", "Open", "Save and open in its default app", 4),
        Key("files.copy", "y", "request('copy')", "Copy path", "Copy the path or address", 5),
    ),
    *_keys(
        Where.PREVIEW,
        Key("preview.facet", "tab", "facet", "View", "Switch view: table, tree, page, source", 2),
        Key("preview.close", "escape,q", "close", "Close", "Stop loading and close", 3),
        Key("preview.after", "n", "file(1)", "Next", "Next file", 4),
        Key("preview.before", "p", "file(-1)", "Previous", "Previous file", 5),
        Key("preview.save", "d", "save", "Download", "Save the file", 6),
        Key("preview.save_into", "D", "save_into", "Save to…", "Save to another folder"),
        Key("preview.open", "o", "open", "Open", "Save and open in its default app", 7),
        Key("preview.again", "r", "again", "Reload", "Reload (renews an expired link)", 1),
    ),
    *_keys(
        Where.PAGE,
        Key("page.copy", "y", "copy", "Copy", "Copy the source text", 1),
        Key("page.find", "slash", "find", "Find", "Find in the text", 8),
        Key("page.match", "n", "step(1)", "Next match", "Next match", 1),
        Key("page.match_up", "N", "step(-1)", "Previous match", "Previous match"),
        Key("page.end_find", "escape", "end_find", "Clear search", "Clear search highlights", 1),
    ),
    *_keys(
        Where.DATA,
        Key("data.next", "n", "another(1)", "Next", "Next item", 2),
        Key("data.previous", "p", "another(-1)", "Previous", "Previous item", 3),
        Key("data.view", "tab,t", "view", "View", "Switch table/tree", 4),
        Key("data.json", "J", "save('json')", "JSON", "Save as JSON", 6),
        Key("data.csv", "C", "save('csv')", "CSV", "Save the table as CSV", 7),
        Key("data.copy", "Y", "copy_all", "Copy", "Copy everything as JSON", 8),
        Key("data.reload", "r", "reload", "Refresh", "Refresh the data"),
        Key("data.close", "escape,q", "close", "Close", "Close the data viewer", 5),
    ),
    *_keys(
        Where.LINES,
        Key("lines.up", "up,k", "step(-1)", "Up", "Previous line"),
        Key("lines.down", "down,j", "step(1)", "Down", "Next line"),
        Key("lines.page_up", "pageup", "page(-1)", "Page up", "Scroll up one page"),
        Key("lines.page_down", "pagedown", "page(1)", "Page down", "Scroll down one page"),
        Key("lines.first", "home", "jump(0)", "First", "First line"),
        Key("lines.last", "end", "jump(-1)", "Last", "Last line"),
        Key("lines.copy", "y", "copy", "Copy", "Copy the cell or value"),
    ),
    *_keys(
        Where.LIST,
        Key("list.filter", "slash", "filter", "Filter", "Show only rows with some words", 8),
        Key("list.sort", "o", "sort(1)", "Sort", "Sort by the next column; or click a head", 9),
        Key("list.close", "escape,q", "close", "Close", "Clear the filter, or close the list", 5),
        Key("list.reverse", "O", "reverse", "Reverse", "Reverse the order"),
    ),
    *_keys(
        Where.TABLE,
        Key("table.left", "left,h", "column(-1)", "Left", "Previous column"),
        Key("table.right", "right,l", "column(1)", "Right", "Next column"),
    ),
    *_keys(
        Where.TREE,
        Key("tree.toggle", "enter,space", "unfold", "Expand", "Expand or collapse", 1),
        Key("tree.right", "right,l", "right", "Expand", "Expand, then go to the first item inside"),
        Key("tree.left", "left,h", "left", "Collapse", "Collapse, then go to the parent"),
    ),
    *_keys(
        Where.WORKER_ROWS,
        Key("workers.begin", "enter", "screen.begin", "New task", RULES[Act.NEW_TASK].help, 1),
        Key("workers.add", "a", "screen.add('worker')", "Add by id", "Add a worker by id or address", 4),
    ),
    *_keys(
        Where.WORKERS,
        Key("workers.new", "n", "new", "New worker", "Create a worker from a prompt (free)", 2),
        Key("workers.edit", "e", "edit", "Edit", "Edit instructions and output schema", 3),
        Key("workers.read", "r", "read", "Read", "Read the worker again", 6),
        Key("workers.delete", "x", "delete", "Delete", "Delete the worker (asks first)", 7),
    ),
    *_keys(
        Where.TASK_ROWS,
        Key("tasks.open", "enter", "screen.open", "Open", "Open the task", 1),
        Key("tasks.add", "a", "screen.add('task')", "Open by id", "Open a task by id or address", 4),
        Key("tasks.archive", "A", "screen.archive", "Archive", "Archive the task (asks first)", 4),
    ),
    *_keys(
        Where.WORKER_FORM,
        Key("form.save", "ctrl+s", "save", "Save", "Save the worker, with one request", 1),
        Key("form.reset", "ctrl+r", "reset", "Reset", "Discard the changes", 2),
        Key("form.close", "escape", "close", "Close", "Close; what you typed is kept", 3),
        Key("form.next", "tab", "app.focus_next", "Next", "Next field"),
        Key("form.before", "shift+tab", "app.focus_previous", "Previous", "Previous field"),
        Key("form.help", "f1", "app.help", "Help", "Keys that work here"),
    ),
    *_keys(
        Where.HELP,
        # Before the F1 of dialogs: the help is one, and the first of two actions runs.
        Key("help.close", "f1", "leave", "Close", "Close the help"),
    ),
    *_keys(
        Where.DIALOG,
        Key("dialog.close", "escape", "close", "Close", "Close without changes", 1),
        Key("dialog.help", "f1", "app.help", "Help", "Keys that work here"),
    ),
    *_keys(
        Where.QUESTION,
        Key("dialog.other", "left,right", "other", "Choose", "Switch buttons"),
    ),
    *_keys(
        Where.HELP,
        Key("help.up", "up", "scroll(-1)", "Up", "Scroll up"),
        Key("help.down", "down", "scroll(1)", "Down", "Scroll down"),
        Key("help.page_up", "pageup", "page(-1)", "Page up", "Scroll up one page"),
        Key("help.page_down", "pagedown", "page(1)", "Page down", "Scroll down one page"),
    ),
    *_keys(
        Where.PALETTE,
        Key("palette.run", "enter", "run", "Run", "Run the highlighted command"),
        Key("palette.up", "up", "cursor_up", "Up", "Previous command"),
        Key("palette.down", "down", "cursor_down", "Down", "Next command"),
        Key("palette.page_up", "pageup", "command_list('page_up')", "Page up", "Scroll up one page"),
        Key("palette.page_down", "pagedown", "command_list('page_down')", "Page down",
            "Scroll down one page"),
        Key("palette.first", "ctrl+home", "command_list('first')", "First", "First command"),
        Key("palette.last", "ctrl+end", "command_list('last')", "Last", "Last command"),
        Key("palette.close", "escape", "escape", "Close", "Clear the search, then close"),
        Key("palette.help", "f1", "app.help", "Help", "Keys that work here"),
    ),
    *_keys(
        Where.PROMPT,
        Key("prompt.run", "enter", "run", "Run", "In a replay: run a slash command; nothing is sent", 1),
    ),
    *_keys(
        Where.REPLAY,
        Key("replay.pause", "space", "screen.key('pause')", "Pause",
            "Pause or continue (from an empty prompt)", 2),
        Key("replay.skip", "escape", "screen.key('skip')", "Skip", "Skip to the end of the turn", 2),
    ),
    *_keys(
        Where.SCREEN,
        Key("screen.help", "f1", "app.help", "Help", "Keys and commands"),
    ),
    *_keys(
        Where.PROBLEM,
        Key("problem.leave", "escape,q", "close", "Quit", "Quit", 1),
    ),
)
# fmt: on


def bindings(*places: Where) -> list[BindingType]:
    """The bindings of one or more places, in the order of the table."""
    return [key.binding() for key in KEYS if key.where in places]


_POSITION: Final = {key.id: key.footer for key in KEYS}


def in_footer_order(active: Iterable[ActiveBinding]) -> list[ActiveBinding]:
    """Active bindings in the order of the footer."""
    return sorted(active, key=lambda entry: _POSITION.get(entry.binding.id or "", 0))


_KEY_NAMES: Final = {
    "enter": "Enter",
    "escape": "Esc",
    "tab": "Tab",
    "backspace": "Backspace",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "question_mark": "?",
    "slash": "/",
    "space": "Space",
    "home": "Home",
    "end": "End",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "underscore": "_",
    "minus": "-",
    **{f"f{number}": f"F{number}" for number in range(1, 13)},
    "delete": "Del",
    "ctrl": "Ctrl",
    "shift": "Shift",
    "alt": "Alt",
    "super": "Super",
}


def format_key(key: str) -> str:
    """The text for a key name of Textual: "ctrl+s" → "^S", "shift+enter" → "Shift+Enter"."""
    *modifiers, last = key.split("+")
    name = _KEY_NAMES.get(last, last)
    if modifiers == ["ctrl"] and len(name) == 1 and name not in "↑↓←→":
        return f"^{name.upper()}"
    if modifiers == ["shift"] and last == "tab":
        return "⇧Tab"
    if modifiers in (["alt"], ["super"]):
        name = name.upper() if len(name) == 1 else name
    return "+".join([*(_KEY_NAMES.get(modifier, modifier) for modifier in modifiers), name])


def format_keys(key: Key, remapped: Iterable[tuple[str, str]] = ()) -> str:
    """All keys of a row, or those it is remapped to: "^J, Shift+Enter, Alt+Enter"."""
    keys = dict(remapped).get(key.id, key.keys)
    return ", ".join(format_key(name.strip()) for name in keys.split(","))


CUTTING_KEYS: Final = {
    **dict.fromkeys(("ctrl+w", "ctrl+backspace", "alt+backspace"), "delete_word_left"),
    "ctrl+u": "delete_to_start_of_line",
    "ctrl+k": "delete_to_end_of_line",
    "alt+d": "delete_word_right",
    "ctrl+x": "cut",
}
"""Keys that cut text of the prompt, with their actions in a text area; not in the key table."""
EDITING_KEYS: Final = {
    "backspace": "delete_left",
    "delete": "delete_right",
    "left": "cursor_left",
    "right": "cursor_right",
    **dict.fromkeys(("ctrl+left", "alt+left", "alt+b"), "cursor_word_left"),
    **dict.fromkeys(("ctrl+right", "alt+right", "alt+f"), "cursor_word_right"),
    **dict.fromkeys(("home", "ctrl+a"), "cursor_line_start"),
    "ctrl+e": "cursor_line_end",
}
"""Other keys that edit the prompt, in the same form."""
