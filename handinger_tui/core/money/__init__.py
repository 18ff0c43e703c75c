"""Money: exact amounts, which turn they belong to, limits and forecasts."""
