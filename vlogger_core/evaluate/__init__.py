"""Commands that measure what the project does against the figures it is asked to reach."""
