"""Migrations of the database, one module each. A released one is never edited."""
