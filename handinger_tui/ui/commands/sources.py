"""Commands about sources: listed, copied, saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

from handinger_tui.core.evidence.sources_and_files import Source
from handinger_tui.core.formatting import plural
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.session import Session
from handinger_tui.ui.commands.command import Command, Context, Stage
from handinger_tui.ui.work.session_controller import SessionController

if TYPE_CHECKING:
    from handinger_tui.core.export import SourceExporter

FOOTNOTES: Final = "footnotes"


@cache
def forms() -> Mapping[str, SourceExporter]:
    """By name."""
    from handinger_tui.core.export import SOURCE_EXPORTERS  # noqa: PLC0415 - once sources are taken along

    return {exporter.name: exporter for exporter in SOURCE_EXPORTERS}


async def sources(to: Context) -> None:
    """The panel; or what is said behind the name."""
    what, _, name = to.rest.lower().partition(" ")
    if what in ("", "hosts", "turns"):
        to.stage.show_panel("sources")
        if what:
            to.stage.sources().group_by(hosts=what == "hosts")
        return
    found, form = to.stage.sources().sources, name.strip() or FOOTNOTES
    if what not in ("export", "copy", FOOTNOTES) or (what != "export" and form not in forms()):
        to.stage.say(
            f"There is no /sources {clean_line(to.rest, 40)}: hosts, turns, copy or export, "
            f"and a form: {', '.join(forms())}.",
            "warning",
        )
    elif what == "export":
        await export_sources(to.stage, to.desk, found, name.strip())
    else:
        copy_sources(to.stage, to.desk.session, found, form)


def copy_sources(stage: Stage, session: Session, found: Sequence[Source], name: str = FOOTNOTES) -> None:
    """All of them to the clipboard, in a form by its name."""
    if not found:
        stage.say("This session has no sources.", "warning")
        return
    form = forms()[name]
    text = _rendered(form, session, found)
    stage.copy(text, f"{plural(len(found), 'source')} as {form.title}")


async def export_sources(
    stage: Stage, desk: SessionController, found: Sequence[Source], name: str = ""
) -> None:
    """All of them into a file, in a form by its name; asked for without one.

    Raises:
        ApiError
    """
    if not found:
        stage.say("This session has no sources.", "warning")
        return
    if not name:
        from handinger_tui.ui.dialogs.confirm import Choice  # noqa: PLC0415 - once there is a question

        rows = [(form.name, f"{form.title}  {form.suffix}") for form in forms().values()]
        name = await stage.ask(Choice(f"Save {plural(len(found), 'source')} as", rows)) or ""
        if not name:
            return
    form = forms().get(name)
    if form is None:
        stage.say(f"There is no form {clean_line(name, 40)}: {', '.join(forms())}.", "warning")
        return
    session = desk.session
    text = _rendered(form, session, found)
    path = await desk.connection.save_text(f"sources-{session.session_id}{form.suffix}", text)
    stage.say(f"Saved as {path}")


def _rendered(form: SourceExporter, session: Session, found: Sequence[Source]) -> str:
    from handinger_tui.core.export.sources import read_days  # noqa: PLC0415 - with the forms

    return form.render(found, read_days(session))


SOURCES: Final = (
    Command(
        "sources",
        "Sources of this session; copied or saved",
        sources,
        takes="[hosts|turns|copy FORM|export FORM]",
    ),
)
