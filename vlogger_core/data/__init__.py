"""Making of training data: synthetic speech with exact phone times and the motion that belongs to it."""
