"""The ledger: sessions, turns, charges and limits in a SQLite database."""
