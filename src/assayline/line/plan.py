"""When the parts of a line are asked for news: by schedules, or whenever somebody looks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assayline.core import Source
from assayline.errors import MisuseError

from .schedule import Schedule, spread
from .windows import Window, open_at

SETTINGS = ("zone", "catch_up", "overlap", "windows")  # of `[schedule]`, and options of a source


@dataclass(frozen=True)
class Plan:
    """When what is asked.

    Args:
        schedules: of sources that say when; spread, so that no hour is crowded.
        polled: names of the sources that are asked whenever somebody looks.
        windows: when those may be asked.
    """

    schedules: tuple[Schedule, ...] = ()
    polled: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()

    def polled_at(self, moment: datetime) -> tuple[str, ...]:
        """The sources to look at now."""
        return self.polled if open_at(self.windows, moment) else ()


def plan_of(sources: Iterable[Source], settings: Mapping[str, Any]) -> Plan:
    """The plan of a line.

    Args:
        sources: of the line; those with `every` have a schedule, whose zone, catch_up, overlap and windows may stand in their options.
        settings: everything in `assay.toml`; `[schedule]` says what holds where a source says nothing.

    Raises:
        MisuseError: a schedule, a zone or a window cannot be.

    >>> plan = plan_of([Source("weather", "https://example.com/w.csv", every="H * * * *"), Source("rides", "rides/")], {"schedule": {"zone": "Europe/Stockholm"}})
    >>> plan.polled, plan.schedules[0].zone
    (('rides',), 'Europe/Stockholm')
    """
    given = _table(settings)
    common = tuple(_texts(given.get("windows", ()), "assay.toml: [schedule] windows"))
    schedules, polled = [], []
    for source in sources:
        if not source.every:
            polled.append(source.name)
            continue
        said = {name: source.options[name] for name in SETTINGS if name in source.options}
        windows = (*common, *_texts(said.pop("windows", ()), f"the windows of {source.name}"))
        whole = {"zone": "UTC", "catch_up": "last", "overlap": "skip", **given, **said}
        schedules.append(Schedule(source.name, source.every, str(whole["zone"]), str(whole["catch_up"]), str(whole["overlap"]), windows))
    return Plan(spread(schedules), tuple(polled), tuple(Window.parse(one) for one in common))


def deployment_windows(settings: Mapping[str, Any]) -> tuple[Window, ...]:
    """When a line that was edited takes effect, from `[schedule] deploy`; without it at once."""
    return tuple(Window.parse(one) for one in _texts(_table(settings).get("deploy", ()), "assay.toml: [schedule] deploy"))


def _table(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    given = settings.get("schedule", {})
    unknown = [name for name in given if name not in (*SETTINGS, "deploy")] if isinstance(given, Mapping) else ["schedule"]
    if unknown:
        raise MisuseError(f"assay.toml: [schedule] has no setting {unknown[0]!r}; there are {', '.join(SETTINGS)} and deploy")
    found: Mapping[str, Any] = given
    return found


def _texts(given: object, where: str) -> list[str]:
    texts = [given] if isinstance(given, str) else list(given) if isinstance(given, list | tuple) else [given]
    for one in texts:
        if not isinstance(one, str):
            raise MisuseError(f"{where}: {one!r} is no window; write texts such as 'Mon-Fri 08:00-18:00 Europe/Stockholm'")
    return [one for one in texts if isinstance(one, str)]
