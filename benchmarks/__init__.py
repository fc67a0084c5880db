"""One command each, prints a table: `python -m benchmarks.NAME`."""
