"""Motions and bodies in the formats of other programs."""
