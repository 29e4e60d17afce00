"""What a program runs on: packages, interpreter, numeric libraries, behaviour; captured, compared, and judged by what it does."""

from .capturing import capture, fingerprint
from .comparing import Difference, Severity, compare, drifted
from .fingerprint import Environment, Lock, Package, environment_from_json
from .identity import identity

__all__ = ["Difference", "Environment", "Lock", "Package", "Severity", "capture", "compare", "drifted", "environment_from_json", "fingerprint", "identity"]
