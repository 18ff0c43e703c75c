"""The search over all sessions: what of each turn is searched, and the full text index of its words."""
