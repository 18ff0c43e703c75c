"""The widgets of the work screen."""
