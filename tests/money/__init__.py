"""Money across programs: what is reserved, what is entered, and what a crash leaves."""
