"""The ledger screen: all spending, in groups and charts."""
