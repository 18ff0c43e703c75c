"""Parts of a turn as rows, before they are wrapped."""
