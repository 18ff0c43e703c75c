"""The twelfth migration: numbers that a correction takes back altogether.

Under another meaning of a worker's figures a turn may have no known amount. `charges.retracted`: bit n says
that the n-th of `NUMBERS` is no longer known; the row also has the difference to zero. NULL: none.
"""

from __future__ import annotations

from typing import Final

from handinger_tui.ledger.migrations.m0007_shared_amounts import SEVENTH

NUMBERS: Final = (
    *("usd_pico", "micro_credits", "model_pico", "tool_pico", "sandbox_pico", "internal_pico"),
    *("total_tokens", "input_tokens", "output_tokens", "reasoning_tokens"),
    *("cache_read_tokens", "cache_write_tokens", "steps", "duration_ms"),
)
_KEPT: Final = ", ".join(
    f"{name} = CASE WHEN NEW.retracted >> {bit} & 1 THEN NULL ELSE {name} END"
    for bit, name in enumerate(NUMBERS)
)
_RETRACTED: Final = f""";
    UPDATE turn_totals SET told = told & ~NEW.retracted, final = NEW.final, {_KEPT}
     WHERE turn_id = NEW.turn_id AND NEW.retracted IS NOT NULL; END
"""

TWELFTH: Final = (
    "ALTER TABLE charges ADD COLUMN retracted INTEGER CHECK (typeof(retracted) IN ('integer', 'null'))",
    "DROP TRIGGER charges_are_totalled",
    SEVENTH[-1].rstrip().removesuffix("; END") + _RETRACTED,
)
