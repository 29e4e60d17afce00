"""What the odd values of a column are: each is recognised once, so that no cell is accused twice for one fault."""

from __future__ import annotations

from .accusations import odd_values
from .odd import Odd

__all__ = ["Odd", "odd_values"]
