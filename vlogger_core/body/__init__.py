"""Parametric bodies and how they are fitted to a photo."""
