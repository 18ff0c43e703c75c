"""The engine: sends turns, watches them, and recovers them; its dependencies are Protocols in `ports`."""
