"""Lists of any length: only what is visible is made."""
