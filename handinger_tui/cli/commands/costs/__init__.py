"""`handinger-tui costs`."""
