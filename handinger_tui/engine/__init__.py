"""The engine: sends turns, watches them, and recovers them. `ports` has what it depends on."""
