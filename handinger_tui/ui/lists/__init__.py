"""Lists of any length, which build only their visible lines."""
