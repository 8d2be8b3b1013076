"""Figures: Result -> plotly Figure, one module per statistic; theme.py holds everything visual."""
