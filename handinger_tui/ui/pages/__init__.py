"""Pages over the work screen: receipt, budgets, previews, data."""
