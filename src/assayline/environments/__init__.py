"""What a program runs on: packages, interpreter, numeric libraries, behaviour; captured, compared, and judged by what it does."""

from .identity import identity

__all__ = ["identity"]
