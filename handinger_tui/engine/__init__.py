"""One flow for a turn; ports as Protocols."""
