"""The Handinger API over HTTP."""
