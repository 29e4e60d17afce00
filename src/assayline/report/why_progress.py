"""A bar while a cause is looked for: what is put back in this replay, and what the last one said.

It is called with a kind and a mapping, whatever it holds: a kind that is not known moves nothing.

>>> import io
>>> from rich.console import Console
>>> with why_progress(Console(file=io.StringIO())) as told:
...     told("replay", {"number": 1, "most": 24, "put_back": ["source weather"], "value": 42.0, "gone": True})
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import why_words, words
from .model_facts import count, number, text, texts
from .paper import is_utf8
from .visible import shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

__all__ = ["WhyProgress", "why_progress"]

NAMES, LAST = 36, 40


class WhyProgress:
    """Called with the events of a search.

    "symptom" (`kind`, `unit`), "candidates" (`count`), "replay" (`number`, `most`, `put_back`, `value`, `gone`: one that is over), "narrow" (what is looked at inside a cause).
    """

    def __init__(self, bar: Progress | None, encoding: str = "utf-8") -> None:
        self._bar, self._encoding = bar, encoding
        self._unit, self._kind = "", ""
        self._at, self._last = "looking at what changed", ""
        self._done = self._most = 0
        self._task = bar.add_task(self._at, total=None, said="") if bar is not None else None

    def __call__(self, kind: str, what: Mapping[str, Any]) -> None:
        """One event."""
        if kind == "symptom":
            self._unit, self._kind = text(what.get("unit")), text(what.get("kind"))
        elif kind == "candidates":
            self._at = f"{words.counted(count(what.get('count')), 'thing differs', 'things differ')}"
        elif kind == "replay":
            self._replay(what)
        elif kind == "narrow":
            inside = shown(text(what.get("component")) or text(what.get("column")) or "", NAMES, encoding=self._encoding)
            self._at = f"narrowing down {inside}".rstrip()
        self._move()

    def _replay(self, what: Mapping[str, Any]) -> None:
        self._done = max(count(what.get("number")), self._done)
        self._most = count(what.get("most")) or self._most
        several = texts(what.get("put_back"))
        self._at = f"with {shown(' + '.join(several), NAMES, encoding=self._encoding)} as before" if several else "as it is"
        value = number(what.get("value"))
        known = shown(why_words.value(value, self._unit, self._kind), LAST, encoding=self._encoding) if value is not None else "no value"
        self._last = f"{known}, the symptom is gone" if what.get("gone") is True else known

    def _move(self) -> None:
        if self._bar is None or self._task is None:
            return
        done = f"{self._done:,} of at most {self._most:,} replays" if self._most else words.counted(self._done, "replay") if self._done else ""
        said = ", ".join(part for part in (self._last, done) if part)
        self._bar.update(self._task, description=self._at, said=said, completed=min(self._done, self._most or self._done), total=self._most or None)


@contextmanager
def why_progress(messages: Console) -> Iterator[WhyProgress]:
    """A bar while a cause is looked for; silent where nobody watches.

    Args:
        messages: where the bar is drawn: standard error.
    """
    if not messages.is_terminal or messages.is_dumb_terminal:
        yield WhyProgress(None)
        return
    from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

    shape: list[ProgressColumn] = [SpinnerColumn("dots" if is_utf8(messages.encoding) else "line"), TextColumn("{task.description}", markup=False)]
    shape += [*([BarColumn(bar_width=24)] if messages.width >= 100 else []), TimeElapsedColumn(), TextColumn("{task.fields[said]}", markup=False)]
    with Progress(*shape, console=messages, transient=True, refresh_per_second=8, redirect_stdout=False, redirect_stderr=True) as bar:
        yield WhyProgress(bar, messages.encoding)
