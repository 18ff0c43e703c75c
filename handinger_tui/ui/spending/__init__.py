"""The Spending page."""
