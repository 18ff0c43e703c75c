"""The thirteenth migration: amounts that depend on a meaning of the figures that is not decided yet.

`doubtful` is 1 for such a turn, else NULL; like `shared_with`, as known at the time of the row of `charges`.
"""

from __future__ import annotations

from typing import Final

from handinger_tui.ledger.migrations.m0012_retracted import TWELFTH

_DOUBTFUL: Final = """;
    UPDATE turn_totals SET doubtful = NEW.doubtful WHERE turn_id = NEW.turn_id; END
"""

THIRTEENTH: Final = (
    *(
        f"ALTER TABLE {table} ADD COLUMN doubtful INTEGER CHECK (doubtful IS NULL OR doubtful = 1)"
        for table in ("charges", "turn_totals")
    ),
    "DROP TRIGGER charges_are_totalled",
    TWELFTH[-1].rstrip().removesuffix("; END") + _DOUBTFUL,
)
