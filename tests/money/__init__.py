"""Money across programs: reservations, charges, and the state after a crash."""
