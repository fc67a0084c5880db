"""Training loops, one file a model."""
