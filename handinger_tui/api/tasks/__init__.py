"""The tasks generation of the API: a task is one conversation with a stored worker."""
