"""Modal dialogs over the work screen."""
