"""The usage panel: totals, figures, charts, limits and lines, and its widget."""
