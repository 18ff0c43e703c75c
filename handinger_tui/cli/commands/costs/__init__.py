"""The subcommand `handinger-tui costs`."""
