"""Safety: what comes from outside is made harmless."""
