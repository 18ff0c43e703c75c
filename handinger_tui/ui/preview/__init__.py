"""Preview: a file from the worker, shown inside the program. Loading is apart from the screen."""
