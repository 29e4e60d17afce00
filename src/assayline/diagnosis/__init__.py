"""Finds what is responsible: candidates, the search for the smallest set whose reversal removes a symptom, and how sure that is. Pure; replays are given as a function."""

from .answering import Answer, Cause, Told
from .component import Component
from .mixing import Mix
from .ranges import bounds, moved
from .reading import Reading, Replay
from .searching import Found
from .symptom import Symptom

__all__ = ["Answer", "Cause", "Component", "Found", "Mix", "Reading", "Replay", "Symptom", "Told", "bounds", "moved"]
