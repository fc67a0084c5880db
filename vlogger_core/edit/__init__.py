"""Changing a motion, and the video of it: what moves, where that shows, and those pixels made anew."""
