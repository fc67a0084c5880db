"""The errors that a user is meant to read."""


class InputError(ValueError):
    """Input that cannot be used. The message names it, says what was wanted and what to do."""


class ToolError(RuntimeError):
    """A program that the project runs failed. The message says which, at what, and what it said."""
