"""Sessions as text for other programs."""
