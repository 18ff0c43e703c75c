"""Previews of files and of structured data, as values that a screen lays out."""
