"""The work screen: the session, its prompt and what they do."""
