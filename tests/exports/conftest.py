"""Lets the tests of this folder import the models that the tests of artefacts are made with."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "artefacts"))
