"""The table of every key binding, from which footer, help and docs/keys.md are made.

Widgets and screens take theirs with `bindings`. Keys that a text area or an input of Textual brings along
are not listed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from textual.binding import ActiveBinding, Binding, BindingType

from handinger_tui.core.acts import RULES, Act

if TYPE_CHECKING:
    from collections.abc import Iterable


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
    `last`: the key works only where the focused widget has no use for it, whatever the place.
    """

    id: str
    keys: str
    action: str
    label: str
    tooltip: str
    where: Where
    footer: int = 0
    last: bool = False

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


_P, _A, _T, _S = Where.PROMPT, Where.ANYWHERE, Where.TRANSCRIPT, Where.SESSIONS
_C, _Q, _M = Where.CHIPS, Where.QUEUE, Where.WELCOME
_O, _L, _R, _B = Where.SOURCES, Where.SPENDING, Where.RECEIPT, Where.BUDGETS
_F, _V, _W = Where.FILES, Where.PREVIEW, Where.PAGE
_D, _N, _G, _E = Where.DATA, Where.LINES, Where.TABLE, Where.TREE
_SC, _WH = Where.SCHEDULES, Where.WEBHOOK
_J, _H, _I, _U, _K = Where.PANELS, Where.HISTORY, Where.PANEL, Where.USAGE, Where.SPENDING_ROWS
_X, _Y, _Z = Where.WORKER_ROWS, Where.WORKERS, Where.TASK_ROWS

# One key is one line, or two.
# fmt: off
KEYS: Final = (
    Key("prompt.send", "enter", "send", "Send", RULES[Act.SEND].help, _P, 1),
    Key("prompt.newline", "ctrl+j,shift+enter,alt+enter", "newline", "New line",
        "New line; also \\ at the end of a line", _P),
    Key("prompt.queue", "tab", "queue", "Queue", RULES[Act.QUEUE].help, _P, 3),
    Key("prompt.complete", "tab", "complete", "Complete",
        "Complete a command, an argument or a file name", _P),
    Key("prompt.yank", "ctrl+y", "yank", "Yank", "Paste what ^U, ^W or ^K cut", _P),
    Key("prompt.undo", "ctrl+underscore,ctrl+minus,alt+z", "undo", "Undo", "Undo the last change", _P),
    Key("prompt.older", "up", "older", "Older",
        "Previous prompt or queued message (from the first line)", _P),
    Key("prompt.newer", "down", "newer", "Newer",
        "Next prompt (from the last line), or the first screen", _P),
    Key("prompt.budget", "shift+tab", "screen.command('budget', 'next')", "Budget",
        "Next budget level", _P, 4),
    Key("prompt.history", "ctrl+r", "screen.command('history')", "History", "Search prompt history", _P),
    Key("prompt.editor", "ctrl+g", "screen.command('editor')", "Editor", "Edit in $EDITOR; also ^X ^E", _P),
    Key("prompt.chips", "f8", "screen.key('chips')", "Attachments", "Attachments, or the queue", _P),
    Key("prompt.help", "question_mark", "help", "Help", "Help (from an empty prompt)", _P),
    Key("prompt.end", "end", "follow", "Follow", "Follow the answer (from an empty prompt)", _P),
    Key("chips.before", "left", "move(-1)", "Previous", "Previous attachment", _C),
    Key("chips.after", "right", "move(1)", "Next", "Next attachment", _C),
    Key("chips.remove", "delete,backspace,x", "remove", "Remove", "Remove the attachment", _C, 1),
    Key("chips.unfold", "enter", "unfold", "Expand", "Expand the pasted text in the prompt", _C, 3),
    Key("queue.up", "up", "mark(-1)", "Previous", "Previous queued message", _Q),
    Key("queue.down", "down", "mark(1)", "Next", "Next queued message, then the prompt", _Q),
    Key("queue.edit", "enter", "edit", "Edit", RULES[Act.EDIT_QUEUED].help, _Q, 1),
    Key("queue.drop", "delete,backspace", "drop", "Remove", "Remove from the queue", _Q, 2),
    Key("queue.drop_letter", "x", "drop_by_letter", "Remove", "Remove from the queue", _Q),
    Key("queue.send", "s", "send_now", "Send now", RULES[Act.SEND_ONE].help, _Q, 3),
    Key("queue.move_up", "alt+up", "move(-1)", "Move up", "Send earlier", _Q, 3),
    Key("queue.move_down", "alt+down", "move(1)", "Move down", "Send later", _Q, 3),
    Key("welcome.up", "up", "mark(-1)", "Previous", "Previous prompt or session, then the prompt", _M),
    Key("welcome.down", "down", "mark(1)", "Next", "Next prompt or session, then the prompt", _M),
    Key("welcome.choose", "enter", "choose", "Choose", "Try the prompt, or open the session", _M, 1),
    Key("work.detach", "escape", "command('detach')", "Stop watching",
        RULES[Act.DETACH].help, _A, 2),
    Key("work.back", "escape", "key('back')", "Back", "Close whatever is open", _A, 2),
    Key("work.browse", "ctrl+up", "key('browse')", "Browse",
        "Browse the answers with single keys; also a click on a message", _A),
    Key("work.help", "f1", "command('help')", "Help", "Keys and commands", _A, 5),
    Key("work.sessions", "ctrl+s", "command('sessions')", "Sessions", "Open another session", _A, 6),
    Key("work.new", "ctrl+n", "command('new')", "New", "Start a new session", _A, 7),
    Key("work.panels", "ctrl+b,f6", "command('panels')", "Panels", "Show or hide the panels", _A, 8),
    Key("panel.usage", "f2", "panel('usage')", "Usage & cost", "What this turn and this worker cost", _A),
    Key("panel.sources", "f3", "panel('sources')", "Sources", "Pages and documents the worker used", _A),
    Key("panel.files", "f4", "panel('files')", "Files", "Files the worker created", _A),
    Key("work.palette", "ctrl+p", "command('palette')", "Commands", "Command palette", _A, 9),
    Key("work.receipt", "ctrl+t", "command('receipt')", "Receipt", "Receipt of the last turn", _A),
    Key("work.spending", "f9", "command('spending')", "Spending", "Spending: what is spent and left", _A),
    Key("work.runs", "f7", "command('runs')", "Runs", "Sessions with a running worker", _A),
    Key("work.redraw", "ctrl+l", "command('redraw')", "Redraw", "Redraw the screen", _A),
    Key("work.before", "alt+up", "key('before')", "Previous", "Previous open session", _A, last=True),
    Key("work.after", "alt+down", "key('after')", "Next", "Next open session", _A, last=True),
    Key("work.data", "f5", "command('data')", "Data", "Structured output and data parts", _A),
    Key("work.details", "ctrl+o", "command('details')", "Details",
        "Show or hide reasoning and tool details", _A),
    Key("work.find", "ctrl+f", "command('find')", "Find", "Find in this session", _A),
    Key("work.up", "pageup", "key('page_up')", "Page up", "Scroll up one page", _A),
    Key("work.down", "pagedown", "key('page_down')", "Page down", "Scroll down one page", _A),
    Key("work.top", "ctrl+home", "key('home')", "Top", "Go to the beginning", _A),
    Key("work.bottom", "ctrl+end", "key('end')", "End", "Go to the end and follow", _A),
    Key("work.clear", "ctrl+c", "key('clear')", "Clear",
        "Copy the selection or clear; press twice to quit", _A),
    Key("work.copy_text", "super+c", "screen.copy_text", "Copy", "Copy the selected text", _A, last=True),
    Key("work.leave", "ctrl+d", "key('leave_if_empty')", "Quit", "Quit (from an empty prompt)", _A),
    Key("work.suspend", "ctrl+z", "key('suspend')", "Suspend", "Suspend (fg to return)", _A),
    Key("above.quit", "ctrl+c", "quit_above", "Quit", "Copy the selection; press twice to quit", Where.ABOVE),
    Key("find.next", "down,enter", "step(1)", "Next", "Next match", Where.FIND, 1),
    Key("find.previous", "up,shift+enter", "step(-1)", "Previous", "Previous match", Where.FIND, 2),
    Key("transcript.actions", "enter", "key('actions')", "Actions",
        "Copy, edit, retry or fork this message; nothing is sent yet", _T, 1),
    Key("transcript.next", "j", "key('next')", "Next", "Next message or code block", _T, 1),
    Key("transcript.previous", "k", "key('previous')", "Previous", "Previous message or code block", _T, 1),
    Key("transcript.match", "n", "key('match')", "Next match", "Next match", _T, 4),
    Key("transcript.match_up", "N", "key('match_up')", "Previous match", "Previous match", _T),
    Key("transcript.copy", "y", "key('copy')", "Copy", "Copy the message or code block", _T, 1),
    Key("transcript.table", "c", "key('table')", "Table", "Copy a table as CSV; again for the next", _T, 4),
    Key("transcript.mention", "m", "key('mention')", "Mention", "Next mention of a source", _T, 3),
    Key("transcript.mention_up", "M", "key('mention_up')", "Previous mention",
        "Previous mention of a source", _T),
    Key("transcript.source", "s", "key('source')", "Source", "Go to the source mentioned here", _T, 3),
    Key("transcript.unfold", "o", "key('unfold')", "Unfold", "Show or hide the details here", _T, 2),
    Key("sources.open", "enter", "request('open')", "Open", "Open the source in the browser", _O, 1),
    Key("sources.mention", "m", "mention(1)", "Mentioned", "Go to the next mention", _O, 1),
    Key("sources.mention_up", "M", "mention(-1)", "Previous mention", "Go to the previous mention", _O),
    Key("sources.group", "g", "group", "Group", "Group by host or by turn", _O, 2),
    Key("sources.copy", "y", "request('copy')", "Copy", "Copy the address", _O, 2),
    Key("sources.footnotes", "f", "request_all('footnotes')", "Footnotes",
        "Copy all sources as footnotes", _O, 3),
    Key("sources.export", "e", "request_all('export')", "Export",
        "Save all sources: Markdown, CSL-JSON, BibTeX", _O, 3),
    Key("sessions.open", "enter", "open", "Open", "Open the selected session", _S, 1),
    Key("sessions.rename", "f2", "rename", "Rename", "Rename the session", _S, 2),
    Key("sessions.delete", "ctrl+x", "delete", "Delete", RULES[Act.DELETE].help, _S, 3),
    Key("sessions.down", "down", "move(1)", "Down", "Next session", _S),
    Key("sessions.up", "up", "move(-1)", "Up", "Previous session", _S),
    Key("history.down", "down", "move(1)", "Down", "Next prompt", _H),
    Key("history.up", "up", "move(-1)", "Up", "Previous prompt", _H),
    Key("history.older", "ctrl+r", "move(1)", "Older", "Older prompt", _H),
    Key("spending.narrow", "enter", "narrow", "Drill in", "Drill into the selected row", _L, 1),
    Key("spending.widen", "backspace", "widen", "Up", "Go up one level", _L, 2),
    Key("spending.open", "o", "open", "Open session", "Open the session of the selected row", _L, 3),
    Key("spending.assign", "a", "assign", "Assign", "Assign unassigned cost to a turn, or undo", _L, 3),
    Key("spending.period", "p", "period", "Period", "All time, this month, 7 days, today", _L, 4),
    Key("spending.charts", "c", "charts", "Charts", "Switch table/charts (narrow screens)", _L, 5),
    Key("spending.back", "escape", "back", "Back", "Go up one level, or close", _L, 6),
    Key("spending.overview", "v", "group('overview')", "Overview", "What is spent and left", _L),
    Key("spending.day", "d", "group('day')", "Days", "Group by day, week, month", _L),
    Key("spending.worker", "w", "group('worker')", "Workers", "Group by worker", _L),
    Key("spending.session", "s", "group('session')", "Sessions", "Group by session", _L),
    Key("spending.project", "P", "group('project')", "Projects", "Group by project", _L),
    Key("spending.tag", "T", "group('tag')", "Tags", "Group by tag", _L),
    Key("spending.profile", "f", "group('profile')", "Profiles", "Group by profile", _L),
    Key("spending.budget", "b", "group('budget')", "Budgets", "Group by budget", _L),
    Key("spending.trigger", "g", "group('trigger')", "Triggers", "Group by what started the turn", _L),
    Key("spending.turn", "t", "group('turn')", "Turns", "List turns, newest first", _L),
    Key("spending.money", "m", "money", "Real/simulated", "Switch between real and simulated money", _L),
    Key("spending.reload", "r", "reload", "Refresh", "Refresh the figures", _L),
    Key("spending.up", "up,k", "step(-1)", "Up", "Previous row", _K),
    Key("spending.down", "down,j", "step(1)", "Down", "Next row", _K),
    Key("spending.page_up", "pageup", "page(-1)", "Page up", "Scroll up one page", _K),
    Key("spending.page_down", "pagedown", "page(1)", "Page down", "Scroll down one page", _K),
    Key("spending.first", "home", "jump(0)", "First", "First row", _K),
    Key("spending.last", "end", "jump(-1)", "Last", "Last row", _K),
    Key("receipt.before", "left,p", "step(-1)", "Previous", "Receipt of the previous turn", _R, 1),
    Key("receipt.after", "right,n", "step(1)", "Next", "Receipt of the next turn", _R, 2),
    Key("receipt.copy", "y", "copy", "Copy", "Copy the receipt as text", _R, 3),
    Key("receipt.markdown", "m", "save('md')", "Markdown", "Save as Markdown", _R, 4),
    Key("receipt.json", "j", "save('json')", "JSON", "Save as JSON", _R, 5),
    Key("receipt.close", "escape,q", "close", "Close", "Close the receipt", _R, 6),
    Key("budgets.all", "a", "other", "Scope", "Switch between all workers and this one", _B, 1),
    Key("budgets.close", "escape,q", "close", "Close", "Close the comparison", _B, 2),
    Key("schedules.add", "a", "add", "Add", RULES[Act.ADD_SCHEDULE].help, _SC, 1),
    Key("schedules.cancel", "x,delete", "cancel", "Cancel it", "Cancel the selected schedule", _SC, 2),
    Key("schedules.reload", "r", "reload", "Refresh", "Read the schedules again (free)", _SC, 3),
    Key("webhook.set", "s", "set", "Set", "Set or replace the address", _WH, 1),
    Key("webhook.show", "t", "show", "Token", "Show or hide the token", _WH, 2),
    Key("webhook.copy", "c", "copy_token", "Copy token", "Copy the token without showing it", _WH, 3),
    Key("webhook.renew", "N", "renew", "New token", "Replace the token (asks first)", _WH, 6),
    Key("webhook.clear", "x", "clear", "Clear", "Remove address and token (asks first)", _WH, 7),
    Key("webhook.after", "right,n", "turn(1)", "Older", "Older deliveries", _WH, 5),
    Key("webhook.before", "left,p", "turn(-1)", "Newer", "Newer deliveries", _WH),
    Key("webhook.reload", "r", "reload", "Refresh", "Read webhook and deliveries again", _WH, 8),
    Key("panels.after", "tab,right", "screen.key('panel_after')", "Next panel", "Next panel", _J, 4),
    Key("panels.before", "shift+tab,left", "screen.key('panel_before')", "Previous", "Previous panel", _J),
    Key("panel.up", "up", "step(-1)", "Up", "Previous item", _I),
    Key("panel.down", "down", "step(1)", "Down", "Next item", _I),
    Key("panel.page_up", "pageup", "page(-1)", "Page up", "Scroll up one page", _I),
    Key("panel.page_down", "pagedown", "page(1)", "Page down", "Scroll down one page", _I),
    Key("panel.first", "home", "jump(0)", "First", "First item", _I),
    Key("panel.last", "end", "jump(-1)", "Last", "Last item", _I),
    Key("usage.up", "up", "scroll_up", "Up", "Scroll up", _U),
    Key("usage.down", "down", "scroll_down", "Down", "Scroll down", _U),
    Key("usage.page_up", "pageup", "page_up", "Page up", "Scroll up one page", _U),
    Key("usage.page_down", "pagedown", "page_down", "Page down", "Scroll down one page", _U),
    Key("usage.top", "home", "scroll_home", "Top", "Go to the top", _U),
    Key("usage.end", "end", "scroll_end", "End", "Go to the end", _U),
    Key("files.preview", "enter", "request('preview')", "Preview", "Preview the file", _F, 1),
    Key("files.save", "s", "request('save')", "Save", "Save the file", _F, 2),
    Key("files.save_into", "S", "request('save_into')", "Save to…", "Save to another folder", _F),
    Key("files.save_all", "a", "save_all", "Save all new", "Save the files of the last turn", _F, 3),
    Key("files.open", "o", "request('open')", "Open", "Save and open in its default app", _F, 4),
    Key("files.copy", "y", "request('copy')", "Copy path", "Copy the path or address", _F, 5),
    Key("preview.facet", "tab", "facet", "View", "Switch view: table, tree, page, source", _V, 2),
    Key("preview.close", "escape,q", "close", "Close", "Stop loading and close", _V, 3),
    Key("preview.after", "n", "file(1)", "Next", "Next file", _V, 4),
    Key("preview.before", "p", "file(-1)", "Previous", "Previous file", _V, 5),
    Key("preview.save", "d", "save", "Download", "Save the file", _V, 6),
    Key("preview.save_into", "D", "save_into", "Save to…", "Save to another folder", _V),
    Key("preview.open", "o", "open", "Open", "Save and open in its default app", _V, 7),
    Key("preview.again", "r", "again", "Reload", "Reload (renews an expired link)", _V, 1),
    Key("page.copy", "y", "copy", "Copy", "Copy the source text", _W, 1),
    Key("page.find", "slash", "find", "Find", "Find in the text", _W, 8),
    Key("page.match", "n", "step(1)", "Next match", "Next match", _W, 1),
    Key("page.match_up", "N", "step(-1)", "Previous match", "Previous match", _W),
    Key("page.end_find", "escape", "end_find", "Clear search", "Clear search highlights", _W, 1),
    Key("data.next", "n", "another(1)", "Next", "Next item", _D, 2),
    Key("data.previous", "p", "another(-1)", "Previous", "Previous item", _D, 3),
    Key("data.view", "tab,t", "view", "View", "Switch table/tree", _D, 4),
    Key("data.json", "J", "save('json')", "JSON", "Save as JSON", _D, 6),
    Key("data.csv", "C", "save('csv')", "CSV", "Save the table as CSV", _D, 7),
    Key("data.copy", "Y", "copy_all", "Copy", "Copy everything as JSON", _D, 8),
    Key("data.reload", "r", "reload", "Refresh", "Refresh the data", _D),
    Key("data.close", "escape,q", "close", "Close", "Close the data viewer", _D, 5),
    Key("lines.up", "up,k", "step(-1)", "Up", "Previous line", _N),
    Key("lines.down", "down,j", "step(1)", "Down", "Next line", _N),
    Key("lines.page_up", "pageup", "page(-1)", "Page up", "Scroll up one page", _N),
    Key("lines.page_down", "pagedown", "page(1)", "Page down", "Scroll down one page", _N),
    Key("lines.first", "home", "jump(0)", "First", "First line", _N),
    Key("lines.last", "end", "jump(-1)", "Last", "Last line", _N),
    Key("lines.copy", "y", "copy", "Copy", "Copy the cell or value", _N),
    Key("list.filter", "slash", "filter", "Filter", "Show only rows with some words", Where.LIST, 8),
    Key("list.sort", "o", "sort(1)", "Sort", "Sort by the next column; or click a head", Where.LIST, 9),
    Key("list.close", "escape,q", "close", "Close", "Clear the filter, or close the list", Where.LIST, 5),
    Key("list.reverse", "O", "reverse", "Reverse", "Reverse the order", Where.LIST),
    Key("table.left", "left,h", "column(-1)", "Left", "Previous column", _G),
    Key("table.right", "right,l", "column(1)", "Right", "Next column", _G),
    Key("tree.toggle", "enter,space", "unfold", "Expand", "Expand or collapse", _E, 1),
    Key("tree.right", "right,l", "right", "Expand", "Expand, then go to the first item inside", _E),
    Key("tree.left", "left,h", "left", "Collapse", "Collapse, then go to the parent", _E),
    Key("workers.begin", "enter", "screen.begin", "New task", RULES[Act.NEW_TASK].help, _X, 1),
    Key("workers.add", "a", "screen.add('worker')", "Add by id", "Add a worker by id or address", _X, 4),
    Key("workers.new", "n", "new", "New worker", "Create a worker from a prompt (free)", _Y, 2),
    Key("workers.edit", "e", "edit", "Edit", "Edit instructions and output schema", _Y, 3),
    Key("workers.read", "r", "read", "Read", "Read the worker again", _Y, 6),
    Key("workers.delete", "x", "delete", "Delete", "Delete the worker (asks first)", _Y, 7),
    Key("tasks.open", "enter", "screen.open", "Open", "Open the task", _Z, 1),
    Key("tasks.add", "a", "screen.add('task')", "Open by id", "Open a task by id or address", _Z, 4),
    Key("tasks.archive", "A", "screen.archive", "Archive", "Archive the task (asks first)", _Z, 4),
    Key("form.save", "ctrl+s", "save", "Save", "Save the worker, with one request", Where.WORKER_FORM, 1),
    Key("form.reset", "ctrl+r", "reset", "Reset", "Discard the changes", Where.WORKER_FORM, 2),
    Key("form.close", "escape", "close", "Close", "Close; what you typed is kept", Where.WORKER_FORM, 3),
    Key("form.next", "tab", "app.focus_next", "Next", "Next field", Where.WORKER_FORM),
    Key("form.before", "shift+tab", "app.focus_previous", "Previous", "Previous field", Where.WORKER_FORM),
    Key("form.help", "f1", "app.help", "Help", "Keys that work here", Where.WORKER_FORM),
    # Before the F1 of dialogs: the help is one, and the first of two actions runs.
    Key("help.close", "f1", "leave", "Close", "Close the help", Where.HELP),
    Key("dialog.close", "escape", "close", "Close", "Close without changes", Where.DIALOG, 1),
    Key("dialog.help", "f1", "app.help", "Help", "Keys that work here", Where.DIALOG),
    Key("dialog.other", "left,right", "other", "Choose", "Switch buttons", Where.QUESTION),
    Key("help.up", "up", "scroll(-1)", "Up", "Scroll up", Where.HELP),
    Key("help.down", "down", "scroll(1)", "Down", "Scroll down", Where.HELP),
    Key("help.page_up", "pageup", "page(-1)", "Page up", "Scroll up one page", Where.HELP),
    Key("help.page_down", "pagedown", "page(1)", "Page down", "Scroll down one page", Where.HELP),
    Key("palette.run", "enter", "run", "Run", "Run the highlighted command", Where.PALETTE),
    Key("palette.up", "up", "cursor_up", "Up", "Previous command", Where.PALETTE),
    Key("palette.down", "down", "cursor_down", "Down", "Next command", Where.PALETTE),
    Key("palette.page_up", "pageup", "command_list('page_up')", "Page up",
        "Scroll up one page", Where.PALETTE),
    Key("palette.page_down", "pagedown", "command_list('page_down')", "Page down",
        "Scroll down one page", Where.PALETTE),
    Key("palette.first", "ctrl+home", "command_list('first')", "First", "First command", Where.PALETTE),
    Key("palette.last", "ctrl+end", "command_list('last')", "Last", "Last command", Where.PALETTE),
    Key("palette.close", "escape", "escape", "Close", "Clear the search, then close", Where.PALETTE),
    Key("palette.help", "f1", "app.help", "Help", "Keys that work here", Where.PALETTE),
    Key("prompt.run", "enter", "run", "Run", "In a replay: run a slash command; nothing is sent", _P, 1),
    Key("replay.pause", "space", "screen.key('pause')", "Pause",
        "Pause or continue (from an empty prompt)", Where.REPLAY, 2),
    Key("replay.skip", "escape", "screen.key('skip')", "Skip",
        "Skip to the end of the turn", Where.REPLAY, 2),
    Key("screen.help", "f1", "app.help", "Help", "Keys and commands", Where.SCREEN),
    Key("problem.leave", "escape,q", "close", "Quit", "Quit", Where.PROBLEM, 1),
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
