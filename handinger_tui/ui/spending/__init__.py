"""The Spending page: its charts, its table, the receipt, the budgets and the dialogs of limits."""
