"""What the process of a replay does: a step as it was at another time, from files in a folder of its own.

One process runs many such folders one after the other. Modules of a folder that is not in use are put aside, so that two folders may hold different modules
of one name; other packages stay loaded.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

from assayline.errors import MisuseError

from ..definition import Line, StepDefinition, load_line
from ..step_work import run

Tell = Callable[[dict[str, Any]], None]

_aside: dict[str, dict[str, ModuleType]] = {}  # the modules of each folder that is not in use


def work(request: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Run one step.

    Args:
        request: `inputs`, `parameters`, `folder` as of `step_work.work`; `step`: its name; `sql`: the query of a step in SQL; else `code`: the folder of its files, `cwd`: where it runs,
            `defined`: path in it of the file that defines the line, or the function where `is_line` is false; `uses`: {input: [columns]} where the files do not say it.
        tell: as of `step_work.work`.

    Raises:
        MisuseError: the files define no such step, or it reads an input that the request does not have.
    """
    if request["sql"]:
        names = tuple(request["inputs"])
        return run(StepDefinition(request["step"], names, sql=request["sql"], frames=dict.fromkeys(names, "arrow")), request, tell)
    with _in_use(request["code"], request["cwd"]):
        step = _step(request)
        lacking = next((name for name in step.inputs if name not in request["inputs"]), None)
        if lacking is not None:
            raise MisuseError(f"step {step.name!r} reads {lacking!r} in this version, of which the run that is replayed had nothing; put back what goes with it")
        given = {name: value for name, value in request["parameters"].items() if name in step.parameters}
        return run(step, {**request, "parameters": given}, tell)


@contextlib.contextmanager
def _in_use(folder: str, cwd: str) -> Iterator[None]:
    """The modules of a folder, as long as its step runs."""
    sys.modules.update(_aside.pop(folder, {}))
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    os.chdir(cwd)
    try:
        yield
    finally:
        while folder in sys.path:
            sys.path.remove(folder)
        _aside[folder] = {name: sys.modules.pop(name) for name, module in list(sys.modules.items()) if _is_in(module, folder)}


def _is_in(module: ModuleType, folder: str) -> bool:
    places = [getattr(module, "__file__", None) or "", *list(getattr(module, "__path__", None) or ())]
    return any(str(place).startswith(folder + os.sep) for place in places)


def _step(request: Mapping[str, Any]) -> StepDefinition:
    name, file = str(request["step"]), os.path.join(request["code"], request["defined"])
    if request["is_line"]:
        steps = _line(file).steps
        if name not in steps:
            raise MisuseError(f"{request['defined']}: it defines no step {name!r} in this version")
        return steps[name]
    function = getattr(_module(file), name, None)
    if function is None:
        raise MisuseError(f"{request['defined']}: it defines no function {name!r} in this version")
    alone = Line("replay")
    alone.step(function)
    uses = {one: tuple(columns) for one, columns in request["uses"].items() if one in alone.steps[name].inputs}
    return dataclasses.replace(alone.steps[name], uses=uses)


@functools.lru_cache(maxsize=256)
def _line(file: str) -> Line:
    return load_line(file)


@functools.lru_cache(maxsize=256)
def _module(file: str) -> ModuleType:
    name = os.path.splitext(os.path.relpath(file, sys.path[0]))[0].replace(os.sep, ".").removesuffix(".__init__")
    return importlib.import_module(name)
