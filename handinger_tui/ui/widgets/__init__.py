"""The widgets of the work screen: header, prompt, chips, queue, sidebar and lines of text."""
