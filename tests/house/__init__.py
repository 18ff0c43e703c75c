"""House tests: rules for the complete project."""
