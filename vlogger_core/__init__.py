"""VLOGGER: one portrait and speech become a video steered by a parametric 3D body.

Importing this package does no work: each stage is imported where it is used.
"""

__version__ = "0.1.0"
