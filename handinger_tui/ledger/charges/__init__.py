"""What was spent, as the history stores it: charges, their sums, limits, and the evidence for them."""
