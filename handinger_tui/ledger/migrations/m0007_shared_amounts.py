"""The seventh migration: amounts that a turn shares with other runs.

What several runs took together is entered for one of them. `shared_with`: how many other runs may own a
part of the amounts of a turn (0: only what came before it), NULL: they are its own. `most_pico`: what it
cost at most. Like `sources`, both are as known at the time of the row of `charges`.
"""

from __future__ import annotations

from typing import Final

from handinger_tui.ledger.migrations.m0002_turn_totals import totals_trigger

_TOTALLED: Final = totals_trigger("(status NOT IN ('queued', 'sending'))")
_SHARED: Final = """;
    UPDATE turn_totals SET shared_with = NEW.shared_with, most_pico = NEW.most_pico
     WHERE turn_id = NEW.turn_id; END
"""

SEVENTH: Final = (
    *(
        f"ALTER TABLE {table} ADD COLUMN {name} INTEGER CHECK (typeof({name}) IN ('integer', 'null'))"
        for table in ("charges", "turn_totals")
        for name in ("shared_with", "most_pico")
    ),
    "DROP TRIGGER charges_are_totalled",
    _TOTALLED.rstrip().removesuffix("; END") + _SHARED,
)
