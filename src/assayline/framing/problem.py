"""What is to be predicted, from which table: the question that a plan answers."""

from __future__ import annotations

from dataclasses import dataclass

from assayline.errors import MisuseError

TASKS = ("binary", "multiclass", "regression")


@dataclass(frozen=True)
class Problem:
    """What is to be predicted.

    Args:
        target: the column to be predicted.
        task: "binary", "multiclass" or "regression"; "" finds it from the values.
        key: the column, or columns, naming the things that the rows are about (a customer, a station).
        time: the column of the moment each row is about; "" recognises one if there is no doubt.
        horizon: how far ahead the target lies: "1h", "7d", or a number of rows ("3"); "" for the row's own target. Needs `time`.
        drop: columns that must not be used.

    Raises:
        MisuseError: an empty target, an unknown task, a horizon without a time or that cannot be read.

    >>> Problem("rides", key="station", time="hour", horizon="1h").key
    ('station',)
    """

    target: str
    task: str = ""
    key: str | tuple[str, ...] = ()
    time: str = ""
    horizon: str = ""
    drop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", (self.key,) if isinstance(self.key, str) and self.key else tuple(self.key or ()))
        object.__setattr__(self, "drop", (self.drop,) if isinstance(self.drop, str) else tuple(self.drop))
        if not self.target:
            raise MisuseError("the problem names no target: say which column is to be predicted")
        if self.task not in ("", *TASKS):
            raise MisuseError(f"the task {self.task!r} is none of {', '.join(TASKS)}; leave it out and it is found")
        if self.horizon:
            if not self.time:
                raise MisuseError(f"the horizon {self.horizon!r} needs the column of the time: give time=…")
            span(self.horizon)

    @property
    def keys(self) -> tuple[str, ...]:
        """The key columns, as a tuple whatever was given."""
        return (self.key,) if isinstance(self.key, str) else self.key


_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def span(text: str) -> tuple[int, int]:
    """A length of time as (microseconds, 0), or a number of rows as (0, rows).

    Raises:
        MisuseError: it is neither, or not positive.

    >>> span("1h"), span("3")
    ((3600000000, 0), (0, 3))
    """
    shown = text.strip().lower()
    digits = shown.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = shown[len(digits) :].strip()
    try:
        amount = float(digits)
    except ValueError:
        amount = 0.0
    if amount <= 0 or (unit and unit not in _SECONDS) or (not unit and amount != int(amount)):
        raise MisuseError(f"{text!r} is no length of time: write a number of rows ('3') or a time such as '30min', '1h', '7d', '2w'")
    return (round(amount * _SECONDS[unit] * 1_000_000), 0) if unit else (0, int(amount))
