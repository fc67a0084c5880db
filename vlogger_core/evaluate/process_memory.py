"""How much memory this process holds, as Linux tells it."""

from __future__ import annotations

from pathlib import Path

_STATUS, _FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
NOW, PEAK = "VmRSS", "VmHWM"
"""What to ask for: memory in use, and the most that was."""


def memory_mb(name: str) -> float | None:
    """Megabytes; None where the system does not tell."""
    if not _STATUS.is_file():
        return None
    line = next((line for line in _STATUS.read_text().splitlines() if line.startswith(name)), None)
    return None if line is None else int(line.split()[1]) / 1024


def forget_peak() -> float | None:
    """Memory in use, from which on `PEAK` is taken."""
    if _FORGET.exists():
        _FORGET.write_text("5")
    return memory_mb(NOW)
