"""Sinks: every widget of ours that shows external text, and how it is fed. A test keeps the table complete.

A sink is a function that plants `PLANTED` in the widgets it names and lets an `Eye` look.
"""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace
from textual.events import Paste
from textual.screen import Screen
from textual.widgets import Input

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.evidence import datasets_of
from handinger_tui.core.formatting import moment_at
from handinger_tui.core.jsontext import JsonObject
from handinger_tui.core.money.limits import Gauge, Limit, Scope
from handinger_tui.core.previews.trees import tree_of_value
from handinger_tui.core.prices import NO_PRICES
from handinger_tui.core.runs import Board, PlannedRun, SessionRun
from handinger_tui.core.safety import Secret
from handinger_tui.core.schedules import Cron, Schedule, ScheduleList
from handinger_tui.core.stored_workers import StoredWorker
from handinger_tui.core.stream import FilePart
from handinger_tui.core.turns.turn import Attachment, ErrorKind, Fault, TurnStatus
from handinger_tui.core.webhooks import Delivery, DeliveryPage, Webhook
from handinger_tui.engine.schedules import WorkerSchedules
from handinger_tui.engine.stored_workers import StoredWorkerCatalog
from handinger_tui.engine.webhooks import WorkerWebhook
from handinger_tui.ui.commands import COMMANDS
from handinger_tui.ui.dialogs import Choice, ConnectionProblem, Question, TextQuestion, yes_or_no
from handinger_tui.ui.dialogs.help import HelpScreen
from handinger_tui.ui.dialogs.pickers import CommandPicker, HistorySearch, SessionPicker
from handinger_tui.ui.front import open_judged
from handinger_tui.ui.pages.data import DataScreen
from handinger_tui.ui.pages.page_view import PageView, PictureView
from handinger_tui.ui.pages.preview import PreviewScreen
from handinger_tui.ui.pages.runs import RunsPage
from handinger_tui.ui.pages.schedules import ScheduleQuestion, SchedulesScreen
from handinger_tui.ui.pages.settings import SettingsScreen
from handinger_tui.ui.pages.webhook import WebhookScreen
from handinger_tui.ui.pages.worker_form import WorkerFormScreen
from handinger_tui.ui.pages.workers import (
    TasksList,
    WorkerActions,
    WorkersList,
    WorkersScreen,
)
from handinger_tui.ui.panels import PANELS, Grip, Sidebar, TabBar
from handinger_tui.ui.panels.files import FilesPanel
from handinger_tui.ui.ports import Account
from handinger_tui.ui.sessions.deletion import Deletions
from handinger_tui.ui.spending.budgets import BudgetsScreen
from handinger_tui.ui.spending.charts import Charts
from handinger_tui.ui.spending.head import Foot, Head
from handinger_tui.ui.spending.limit_dialogs import LimitsPage, RaiseLimit
from handinger_tui.ui.spending.receipt import ReceiptScreen
from handinger_tui.ui.spending.screen import SpendingScreen
from handinger_tui.ui.spending.table import SpendingTable
from handinger_tui.ui.transcript.transcript import Transcript
from handinger_tui.ui.widgets.column_list import ColumnList
from handinger_tui.ui.widgets.completion import Suggestions
from handinger_tui.ui.widgets.find_bar import FindBar
from handinger_tui.ui.widgets.frame import FooterLine, HeaderLine, StaticReflow
from handinger_tui.ui.widgets.prompt import Card, HintLine, PromptBox
from handinger_tui.ui.widgets.status_text import Advice
from handinger_tui.ui.widgets.strips import Chip, ChipKind, Chips, QueueStrip, file_chip
from handinger_tui.ui.widgets.tables_and_trees import TableView, TreeView
from handinger_tui.ui.widgets.welcome import Welcome
from handinger_tui.ui.work.pane import SessionPane
from handinger_tui.ui.work.screen import WorkScreen
from tests.core.table_samples import read_table
from tests.engine.fakes import PLACE, FakeIds
from tests.ui.fakes import NOW_MS, FakeSettings, FakeWebhooks, shown_setting, summary
from tests.ui.hostile.feeding import OPENED, Sink, bunches, lines_of, listed, paged, shown
from tests.ui.hostile.samples import session, turn
from tests.ui.hostile.texts import PLANTED
from tests.ui.screens.preview_files import png
from tests.ui.screens.test_workers import FakeTemplates

if TYPE_CHECKING:
    from tests.ui.hostile.eye import Eye


# -- the work screen -------------------------------------------------------------------
async def transcript(eye: Eye) -> None:
    """Every line of every turn, folded, then unfolded."""
    view = eye.desktop.work.transcript
    await eye.look()
    for _ in range(2):
        layout = view.transcript_layout
        eye.check([view.line(y) for y in range(layout.height)])
        view.toggle_details()
        await eye.pilot.pause()
    view.scroll_home(animate=False)
    await eye.look()


async def panels(eye: Eye) -> None:
    """Page by page, with every tooltip and the notice of a save."""
    work = eye.desktop.work
    await eye.look()
    for panel in work.sidebar.panels.values():
        panel.focus()
        if isinstance(panel, FilesPanel):
            for item in panel.rows.items:
                panel.downloads.mark_saved(item.part, "/home/ada/" + (item.part.filename or ""))
        panel.scroll_home(animate=False)
        lines_of(eye, panel)
        await paged(eye, panel)
        await eye.look()


async def header(eye: Eye) -> None:
    """Title, worker, activity, profile, host."""
    line = eye.desktop.work.query_one(HeaderLine)
    for at, text in enumerate(PLANTED):
        busy = turn(at, text)
        for title in (text, ""):
            line.set_account(Account(text, text, "f00d", local=False))
            line.show(replace(session([text]), title=title, turns=(busy,)), NOW_MS, "")
            lines_of(eye, line)
    await eye.look()


async def around_the_prompt(eye: Eye) -> None:
    """Queue, card, chips, offers, hint, welcome."""
    screen = eye.desktop.app.screen
    for texts in bunches(3):
        screen.query_one(QueueStrip).show([turn(PLANTED.index(text), text) for text in texts])
        for text in texts:
            file = Attachment(text, text, 3, text)
            screen.query_one(Chips).show(
                [file_chip(ChipKind.FILE, text, file), Chip(ChipKind.TEXT, text, text, text)]
            )
            screen.query_one(Card).show(Advice("error", text[:200]), NOW_MS)
            screen.query_one(Suggestions).show([(text, text)])
            screen.query_one(HintLine).show(text, text)
            screen.query_one(Welcome).set_account(Account(text, text, "f00d", local=False))
            screen.query_one(Welcome).show_recent([summary("x", title=text)], {}, NOW_MS)
        await eye.look()


async def prompt(eye: Eye) -> None:
    """An earlier text is restored into it; pasted text is cleaned there."""
    box = eye.desktop.work.prompt
    for text in PLANTED:
        box.put("")
        box.post_message(Paste(text[:300]))
        await eye.pilot.pause(0)
        await eye.desktop.until(eye.pilot, lambda: box.text)
        lines_of(eye, box)
    await eye.look()


async def find_bar(eye: Eye) -> None:
    """Pasted text."""
    bar = await eye.desktop.work.pane.find_bar()
    bar.open()
    for text in PLANTED:
        bar.field.value = ""
        bar.field.post_message(Paste(text[:60]))
        await eye.pilot.pause(0)
        lines_of(eye, bar)
    await eye.look()


async def passing_lines(eye: Eye) -> None:
    """Notices."""
    for texts in bunches(5):
        for text in texts:
            eye.desktop.work.interaction.say(text[:50], "error")
        await eye.desktop.shows(eye.pilot, *(text[:4] for text in texts))
        await eye.look()
        eye.desktop.app.clear_notifications()
        await eye.desktop.until(eye.pilot, lambda: not eye.desktop.app.screen.query("Toast"))


# -- dialogs and lists -----------------------------------------------------------------
async def dialogs(eye: Eye) -> None:
    """Each with texts as title, body, hint, value and buttons."""
    for texts in bunches(30):
        word, body = texts[0][:60], "\n".join(text[:60] for text in texts)
        await shown(eye, yes_or_no(word, body, yes=word, no=word, typed="x"))
        await shown(eye, Choice(word, [(text, text[:60]) for text in texts]))
        await shown(eye, ConnectionProblem(body, word))
        await shown(eye, Question(word, body, [(word, None)]))
    for text in PLANTED[::24]:
        await shown(eye, TextQuestion(text[:60], text[:200], text[:200]))


async def links(eye: Eye) -> None:
    """The question before an unusual link, and the word that refuses one."""
    stage = eye.desktop.work.interaction
    for text in PLANTED[::20]:
        for url in (f"https://xn--{text[:30]}.example/{text}", f"mailto:{text[:200]}", text):
            stage.run(open_judged(stage, url, text, eye.desktop.work.controller.open_link))
            await eye.pilot.pause()
            needs_confirmation = isinstance(eye.desktop.app.screen, Question)
            await eye.look()
            if needs_confirmation:
                eye.desktop.app.pop_screen()
        eye.desktop.app.clear_notifications()


async def session_list(eye: Eye) -> None:
    """Titles and workers."""
    eye.desktop.history.rows = [
        summary(f"s{at}", session_id=text, worker_id=text, title=text) for at, text in enumerate(PLANTED)
    ]
    desktop = eye.desktop
    deletions = Deletions(desktop.work.controller)
    picker = SessionPicker(
        desktop.history, lambda: NOW_MS, lambda: "", tuple, desktop.history.rename, deletions
    )
    await listed(eye, picker)


async def runs_board(eye: Eye) -> None:
    """Titles, projects, workers, activities and faults of runs; instructions of schedules."""
    fault = [Fault(ErrorKind.AUTH, text) for text in PLANTED]
    eye.desktop.runs.value = Board(
        tuple(
            SessionRun(
                text, text, text, worker_id=text, url=text,
                status=TurnStatus.FAILED if at % 2 else TurnStatus.ACCEPTED, watched=True,
                fault=fault[at], event_ms=NOW_MS, activity=text, unread=True,
            )
            for at, text in enumerate(PLANTED)
        ),
        tuple(PlannedRun(text, text, text, NOW_MS, text) for text in PLANTED),
    )  # fmt: skip
    screen = RunsPage(
        lambda *_: eye.desktop.runs.board(), {}, {}, eye.desktop.work.interaction, lambda: NOW_MS
    )
    eye.desktop.app.push_screen(screen)
    await eye.desktop.until(eye.pilot, lambda: screen.query(ColumnList) and screen.table.rows.loaded)
    await eye.look()
    await paged(eye, screen.table)
    for at in range(0, 2 * len(PLANTED), 5):
        screen.table.move_to(at)
        await eye.pilot.pause(0)
        lines_of(eye, screen.query_one("#runs-foot"))
    await eye.look()


async def history(eye: Eye) -> None:
    """Prompt history."""
    await listed(eye, HistorySearch(PLANTED))


async def over_it(eye: Eye) -> None:
    """Our own words over a hostile session: help, palette, questions about money."""
    gauge = Gauge(Limit(Scope.WORKER, Unit.USD, Decimal(1)), Total(Decimal(2)))
    pages: list[Screen[Any]] = [
        HelpScreen([command.help for command in COMMANDS]),
        RaiseLimit(gauge, sending=True),
        LimitsPage([gauge]),
    ]
    for screen in pages:
        await shown(eye, screen)
    eye.desktop.app.push_screen(CommandPicker())
    await eye.look()
    await eye.pilot.press("escape")


# -- money -----------------------------------------------------------------------------
async def ledger(eye: Eye) -> None:
    """Every grouping, as rows and as charts."""
    await eye.pilot.press("f9")
    await eye.desktop.until(eye.pilot, lambda: isinstance(eye.desktop.app.screen, SpendingScreen))
    await eye.desktop.until(eye.pilot, lambda: eye.desktop.text().count("$") > 3)
    screen = eye.desktop.app.screen
    for key in "dgwsbt":
        await eye.pilot.press(key)
        await eye.look()
        await paged(eye, screen.query_one(SpendingTable))
    screen.query_one(Charts).scroll_end(animate=False)
    await eye.look()


async def receipt(eye: Eye) -> None:
    """Turn by turn, down to the last source."""
    await eye.pilot.press("ctrl+t")
    await eye.desktop.until(eye.pilot, lambda: isinstance(eye.desktop.app.screen, ReceiptScreen))
    screen = eye.desktop.app.screen
    assert isinstance(screen, ReceiptScreen)
    for _ in range(12):
        await eye.look()
        lines_of(eye, screen.query_one("#receipt-text"))
        await eye.pilot.press("left")
    body = screen.query_one("#receipt-body")
    body.scroll_end(animate=False)
    await eye.look()


async def budgets(eye: Eye) -> None:
    """Levels with any name."""
    eye.desktop.app.push_screen(BudgetsScreen(eye.desktop.work.controller, lambda: NOW_MS))
    await eye.desktop.shows(eye.pilot, "Advice")
    await eye.look()
    await eye.pilot.press("a")
    await eye.look()
    lines_of(eye, eye.desktop.app.screen.query_one("#budgets-text"))


# -- data ------------------------------------------------------------------------------
async def data(eye: Eye) -> None:
    """Dataset by dataset: its name, tree and line below."""
    desk = eye.desktop.work.controller
    datasets = datasets_of(desk.session)
    for at in range(0, len(datasets), 9):
        screen = DataScreen(desk, datasets, at)
        eye.desktop.app.push_screen(screen)
        await eye.look()
        eye.desktop.app.pop_screen()


async def stored_workers(eye: Eye) -> None:
    """Every member of a stored worker, its tasks, and the form of it."""
    desktop = eye.desktop
    kept = FakeTemplates({})
    stored_workers = StoredWorkerCatalog(kept, kept, desktop.history, FakeIds(), PLACE)
    actions = WorkerActions(lambda _: None, lambda _: None, lambda _: None, str)
    text = "\n".join(PLANTED)
    schema: JsonObject = {one: one for one in PLANTED}
    first = StoredWorker("wrk_1" + PLANTED[0], text, text, text, schema, True, text, NOW_MS)
    others = [StoredWorker(f"wrk_{one}", one, one) for one in PLANTED]
    kept.kept = {one.worker_id: one for one in (first, *others)}
    desktop.history.rows = [
        summary(f"x{at}", title=one, stored_worker_id=first.worker_id, base_url=PLACE)
        for at, one in enumerate(PLANTED)
    ]
    for screen in (
        WorkersScreen(stored_workers, desktop.history, actions, desktop.work.interaction, lambda: NOW_MS),
        WorkerFormScreen(stored_workers, desktop.history, first),
    ):
        desktop.app.push_screen(screen)
        await eye.look()
        desktop.app.pop_screen()


async def tables_and_trees(eye: Eye) -> None:
    """Cells, names of columns, keys and values."""
    table, tree = TableView(), TreeView()
    table.styles.height = tree.styles.height = "1fr"
    await eye.desktop.work.mount(table, tree, before="#pane")
    head = ",".join(f'"{_cell(text)}"' for text in PLANTED[:8])
    rows = "\n".join(f'"{_cell(text)}","{_cell(text)}"' for text in PLANTED)
    table.show(read_table(f"{head}\n{rows}\n".encode("utf-8", "surrogatepass")))
    root = tree_of_value({text: {"value": text} for text in PLANTED}).root
    assert root is not None
    tree.show(root)
    for view in (table, tree):
        await eye.look()
        for _ in range(view.rows.count):
            lines_of(eye, view)
            view.action_step(1)


async def settings(eye: Eye) -> None:
    """Values and names of the config file."""
    store = FakeSettings([shown_setting(text, value=text, meaning=text) for text in PLANTED])
    screen = SettingsScreen(store, eye.desktop.work.interaction)
    eye.desktop.app.push_screen(screen)
    await eye.desktop.until(eye.pilot, lambda: screen.query(ColumnList) and screen.table.rows.loaded)
    await eye.look()
    await paged(eye, screen.table)


async def schedules(eye: Eye) -> None:
    """The list of schedules and all about each, and what is typed for a new one."""
    eye.desktop.schedules.listed = ScheduleList(
        tuple(
            Schedule(text, text, text, text, Cron(text) if at % 2 else None)
            for at, text in enumerate(PLANTED)
        ),
        PLANTED[0],
    )
    work = eye.desktop.work

    def now() -> datetime:
        return moment_at(NOW_MS)

    scheduling = WorkerSchedules(
        eye.desktop.schedules,
        PLANTED[1],
        "low",
        lambda budget: work.controller.connection.typical_cost(PLANTED[1], budget, NO_PRICES),
        now,
        is_local=False,
    )
    screen = SchedulesScreen(scheduling, work.interaction, is_simulated=True)
    eye.desktop.app.push_screen(screen)
    await eye.desktop.until(eye.pilot, lambda: screen.query(ColumnList) and screen.table.rows.loaded)
    await eye.look()
    await paged(eye, screen.table)
    for at in range(0, len(PLANTED), 5):
        screen.table.move_to(at)
        await eye.pilot.pause(0)
        lines_of(eye, screen.query_one("#schedules-foot"))
    question = ScheduleQuestion(scheduling, await scheduling.read())
    eye.desktop.app.push_screen(question)
    await eye.look()
    for text in FEW:
        for typed in (text, f"every {text}"):
            question.query_one(Input).value = typed[:300]
            await eye.pilot.pause(0)
            lines_of(eye, question.query_one("#schedule-preview"))
    await eye.look()


async def webhook(eye: Eye) -> None:
    """Address, token and deliveries."""
    deliveries = tuple(
        Delivery(text, None, None if at % 2 else False, None, None, text, text, text, text)
        for at, text in enumerate(PLANTED)
    )
    service = FakeWebhooks(Webhook(PLANTED[0], Secret(PLANTED[1])), [DeliveryPage(deliveries, 1, 1, 92)])
    hook = WorkerWebhook(service, PLANTED[2])
    screen = WebhookScreen(hook, eye.desktop.work.interaction, lambda: moment_at(NOW_MS))
    eye.desktop.app.push_screen(screen)
    await eye.desktop.until(eye.pilot, lambda: screen.query(ColumnList) and screen.table.rows.loaded)
    screen.action_show()
    await eye.look()
    await paged(eye, screen.table)
    for at in range(0, len(PLANTED), 5):
        screen.table.move_to(at)
        await eye.pilot.pause(0)
        lines_of(eye, screen.query_one("#webhook-foot"))


async def preview(eye: Eye) -> None:
    """A text, Markdown, a table, a tree, code and a broken picture, under hostile names."""
    lines = "\n\n".join(PLANTED)
    bodies = {
        "txt": lines,
        "md": lines,
        "py": lines,
        "csv": "\n".join(f'"{_cell(text)}",{at}' for at, text in enumerate(PLANTED)),
        "json": json.dumps({text: [text] for text in PLANTED}),
        "png": "\x89PNG\r\n" + lines,
        "gif": "",
    }
    for at, (ending, body) in enumerate(bodies.items()):
        name = f"{PLANTED[9 * at]}.{ending}"
        eye.desktop.files.bodies[name] = body.encode("utf-8", "surrogatepass") or png(8, 8)
        part = FilePart(name, PLANTED[at], name, 5)
        await looked_into(eye, PreviewScreen([part], 0, eye.desktop.work.files))


async def looked_into(eye: Eye, screen: PreviewScreen) -> None:
    """Load, look at every page."""
    eye.desktop.app.push_screen(screen)
    await eye.desktop.until(eye.pilot, lambda: screen.loaded and not screen.query("#preview-words"))
    await eye.look()
    for view in screen.query("#preview-body > *"):
        await paged(eye, view)
    await eye.look()
    eye.desktop.app.pop_screen()


def _cell(text: str) -> str:
    return text.replace('"', "'").replace("\n", " ").replace("\r", " ")


FEW: Final = PLANTED[::6]
SINKS: Final = {
    "transcript": Sink(transcript, (WorkScreen, Transcript, SessionPane, Sidebar, Grip, TabBar), OPENED),
    "panels": Sink(panels, tuple(type(entry.make()) for entry in PANELS), OPENED),
    "header": Sink(header, (HeaderLine,)),
    "around the prompt": Sink(around_the_prompt, (QueueStrip, Chips, Card, Suggestions, HintLine, Welcome)),
    "find bar": Sink(find_bar, (FindBar,), all_visible=False),
    "prompt": Sink(prompt, (PromptBox,), all_visible=False),
    "passing lines": Sink(passing_lines, ()),
    "dialogs": Sink(dialogs, (Question, Choice, ConnectionProblem, TextQuestion), all_visible=False),
    "links": Sink(links, (), all_visible=False),
    "session list": Sink(session_list, (SessionPicker,)),
    "runs board": Sink(runs_board, (RunsPage,)),
    "history": Sink(history, (HistorySearch,)),
    "over it": Sink(
        over_it, (HelpScreen, CommandPicker, RaiseLimit, LimitsPage), OPENED, False, FEW, paints=True
    ),
    "ledger": Sink(ledger, (SpendingScreen, SpendingTable, Head, Foot, Charts), OPENED, turns=FEW),
    "receipt": Sink(receipt, (ReceiptScreen, StaticReflow), OPENED, False, FEW),
    "budgets": Sink(budgets, (BudgetsScreen,), OPENED, turns=FEW),
    "schedules": Sink(schedules, (SchedulesScreen, ColumnList, ScheduleQuestion)),
    "webhook": Sink(webhook, (WebhookScreen,)),
    "settings": Sink(settings, (SettingsScreen,)),
    "preview": Sink(preview, (PreviewScreen, PageView, PictureView), all_visible=False),
    "data": Sink(data, (DataScreen, FooterLine), OPENED, False, FEW),
    "stored workers": Sink(
        stored_workers,
        (WorkersScreen, WorkersList, TasksList, WorkerFormScreen),
        all_visible=False,
    ),
    "tables and trees": Sink(tables_and_trees, (TableView, TreeView)),
}
