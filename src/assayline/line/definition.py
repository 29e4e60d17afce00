"""A line as its author writes it: sources and plain functions in one typed file.

    line = assayline.Line("bikes")
    rides = line.source("rides", "incoming/rides-*.parquet", time="started_at", key="station")

    @line.step
    def hourly(rides: Table) -> Table: ...

A function's parameters name its inputs and its name is its output. Nothing runs while the file is read.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import re
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any, TypeVar, overload

from assayline import core
from assayline.core import Source
from assayline.errors import MissingExtra, MisuseError

from .model_definition import Model, ModelDefinition, model_definition
from .names import check_name
from .score_job import FLOW as FLOW_INPUT
from .score_job import ScoreJob

FILE = "line.py"
TAKES = ("each", "latest", "all")
REFRESHES = ("newest", "all", "none")
KINDS = {"polars": "polars", "pandas": "pandas", "pyarrow": "arrow"}  # the package an annotation comes from, and the kind of frame it means

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class StepDefinition:
    """One step: what it reads, and how its result is made.

    Args:
        name: of the step, and of the flow it makes.
        inputs: names of the flows it reads, in the order of its parameters.
        function: a plain function over tables; None for SQL.
        sql: a query over the inputs; "" for a function.
        frames: for each input the kind of frame it is given as: polars | lazy | pandas | arrow.
        takes: for an input, whether the step is given "each" lot by itself, the "latest" state, or "all" lots so far.
        uses: for an input, the only columns the step is given.
        parameters: plain values it is called with besides its inputs.
        refresh: what a new version of a side input runs again: the "newest" result, "all", or "none".
        budget: what one run may cost: cpu_seconds, wall_seconds, memory_mib, rows, money.
    """

    name: str
    inputs: tuple[str, ...]
    function: Callable[..., Any] | None = None
    sql: str = ""
    frames: Mapping[str, str] = field(default_factory=dict)
    takes: Mapping[str, str] = field(default_factory=dict)
    uses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    refresh: str = "newest"
    budget: Mapping[str, float] = field(default_factory=dict)

    @property
    def about(self) -> str:
        """The first sentence of its documentation."""
        if self.function is None:
            return " ".join(self.sql.split())[:200]
        return (inspect.getdoc(self.function) or "").partition("\n")[0]


class Line:
    """The sources and steps of one system; the gate stands between any two of them.

    Args:
        name: of the line.

    >>> bikes = Line("bikes")
    >>> rides = bikes.source("rides", "incoming/rides-*.parquet", time="started_at")
    >>> @bikes.step
    ... def busy(rides: object) -> object:
    ...     return rides
    >>> bikes.value().order()
    ('busy',)
    """

    def __init__(self, name: str) -> None:
        check_name(name)
        self.name = name
        self.sources: dict[str, Source] = {}
        self.steps: dict[str, StepDefinition] = {}
        self.models: dict[str, ModelDefinition] = {}
        self.scores: dict[str, ScoreJob] = {}

    def source(
        self, name: str, address: str = "", *, time: str = "", key: str = "", owner: str = "", every: str = "", window: str = "",
        external: bool = False, snapshot: bool | None = None, grade: str = "", **options: Any,
    ) -> Source:  # fmt: skip
        """Where lots come from: files, pages, queries, messages, or the output of a command.

        Args:
            name: of the flow they go to.
            address: a path, pattern, folder, https://…, mqtt://…, nats://…, amqp://…, redis://…, kafka://…, postgresql://…; relative paths are below the project.
            time: column that says when a row happened.
            key: column that says what a row is about.
            owner: who is told.
            every: when it is asked, as cron spells it, with `H` for a spread minute or hour.
            window: how long one lot of a stream lasts, such as "5 min".
            external: it belongs to somebody else.
            snapshot: each lot replaces the one before; by the address when None.
            grade: "experimental" or "production"; learned from what it does when "".
            options: what its kind of address understands, such as `watermark`, `settle_seconds`, `private`, `command`.

        Raises:
            MisuseError: the name is taken or cannot be one, or an option makes no sense.
        """
        self._new(name)
        if not address and not options.get("command"):
            raise MisuseError(f"the source {name!r} has neither an address nor a command; give it one")
        try:
            made = Source(name, address, time, key, owner, every, window, external, snapshot, grade, options)
        except ValueError as error:
            raise MisuseError(f"the source {name!r}: {error}") from error
        self.sources[name] = made
        return made

    @overload
    def step(self, function: F) -> F: ...

    @overload
    def step(
        self, *, takes: Mapping[str, str] = ..., uses: Mapping[str, Sequence[str]] = ..., refresh: str = ..., budget: Mapping[str, float] = ..., **parameters: Any
    ) -> Callable[[F], F]: ...

    def step(
        self, function: Any = None, *, takes: Mapping[str, str] | None = None, uses: Mapping[str, Sequence[str]] | None = None, refresh: str = "newest",
        budget: Mapping[str, float] | None = None, **parameters: Any,
    ) -> Any:  # fmt: skip
        """Makes a function a step; the function itself stays as it is, and can be called and tested like any other.

        Args:
            function: its parameters without a default name its inputs, its name is its output; the annotations say which frames it takes (Polars when silent).
            takes: for an input "each", "latest" or "all", where another than the usual is wanted.
            uses: for an input the only columns the function is given: what it does not use cannot trouble it.
            refresh: what a new version of a side input runs again: "newest", "all" or "none".
            budget: what one run may cost: cpu_seconds, wall_seconds, memory_mib, rows, money.
            parameters: values for its parameters that have a default.
        """

        def made(function: F) -> F:
            self._add(_of_function(function, takes or {}, uses or {}, refresh, budget or {}, parameters))
            return function

        return made if function is None else made(function)

    def sql(
        self, name: str, query: str, *, inputs: Sequence[str] = (), takes: Mapping[str, str] | None = None, refresh: str = "newest", budget: Mapping[str, float] | None = None
    ) -> StepDefinition:
        """A step in SQL, run by DuckDB (`pip install 'assayline[duckdb]'`).

        Args:
            name: of the step and of what it makes.
            query: one SELECT over the flows it names.
            inputs: the flows it reads; found in the query when not given.
            takes: as of `step`.
            refresh: as of `step`.
            budget: as of `step`.
        """
        found = tuple(inputs) or tables_of(query)
        if not found:
            raise MisuseError(f"the step {name!r} reads no flow; name one in its FROM")
        made = StepDefinition(name, found, sql=query.strip().rstrip(";"), frames=dict.fromkeys(found, "arrow"), takes=dict(takes or {}), refresh=refresh, budget=dict(budget or {}))
        self._add(made)
        return made

    def model(
        self, asked: type[Model], data: Any, *, name: str | None = None, budget: str = "60s", cost: Any = None, retrain: str = "new data", seed: int = 0
    ) -> ModelDefinition:
        """A model that is trained from a flow, tried, and taken in as the next version.

        Args:
            asked: a class that derives from `assayline.Model`: target, key, time, horizon.
            data: the flow it learns from: a step, a source, or a name.
            name: of the model; made of the name of the class when None.
            budget: of the clock, for one training: "60s", "5 min".
            cost: what wrong answers cost: `per_unit(over=…, under=…)` or `cost_matrix(…)`.
            retrain: what makes it due besides another code or budget: "new data", "drift" (a lot that is unlike those before), "7 days", "never".
            seed: of everything random.

        Raises:
            MisuseError: the name is taken, or something makes no sense.
        """
        made = model_definition(asked, _flow(data, "data"), name=name, budget=budget, cost=cost, retrain=retrain, seed=seed)
        self._new(made.name)
        self.models[made.name] = made
        return made

    def score(self, model: Any, data: Any, *, name: str = "", unit: str = "", key: str | Sequence[str] = (), keep: str | Sequence[str] = (), **options: Any) -> ScoreJob:
        """Each lot of a flow is scored by the version of a model that is in service; the predictions are lots of a flow of their own.

        Args:
            model: what `line.model` gave, or the name of a model.
            data: the flow whose rows are scored: a step, a source, or a name.
            name: of the flow of the predictions; `MODEL.scores` when "".
            unit: the column by which a rollout gives rows to versions, such as "customer_id".
            key: columns that say which row is which; those of the model when empty.
            keep: further columns that are kept beside the predictions.
            options: see `ScoreJob`: time, version, decides, mix, fallback_on, otherwise, chunk_rows.

        Raises:
            MisuseError: the name is taken, or something makes no sense.
        """
        called = model if isinstance(model, str) else getattr(model, "name", None)
        if not isinstance(called, str):
            raise MisuseError(f"model={model!r} is neither a model of a line nor the name of one")
        columns = [(one,) if isinstance(one, str) else tuple(one) for one in (key, keep)]
        try:
            made = ScoreJob(called, FLOW_INPUT + _flow(data, "data"), name, unit, key=columns[0], keep=columns[1], **options)
        except TypeError as error:
            raise MisuseError(f"line.score({called!r}): {error}; see ScoreJob for what it takes") from error
        self._new(made.into)
        self.scores[made.into] = made
        return made

    def value(self) -> core.Line:
        """What the line is, without its functions; a model is made like anything else, from all that it learns from."""
        steps = tuple(core.Step(step.name, step.inputs, self.takes(step.name)) for step in self.steps.values())
        models = tuple(core.Step(model.name, model.inputs, {model.data: "all"}) for model in self.models.values())
        scores = tuple(core.Step(name, (job.reads, job.model), {job.reads: "each", job.model: "latest"}) for name, job in self.scores.items())
        return core.Line(self.name, steps + models + scores, tuple(self.sources.values()))

    def root(self, flow: str) -> str | None:
        """The piecewise source whose lots a flow follows one by one; None for what is one state that is made anew."""
        if flow in self.sources:
            return None if self.sources[flow].is_snapshot else flow
        if flow in self.scores:
            return self.root(self.scores[flow].reads)
        if flow not in self.steps:
            return flow  # a flow that somebody else feeds, lot by lot
        takes = self.takes(flow)
        return next((self.root(name) for name in self.steps[flow].inputs if takes[name] == "each"), None)

    def takes(self, step: str) -> Mapping[str, str]:
        """How a step takes each of its inputs: as said, or the usual way.

        The first input that comes in pieces is taken piece by piece; what follows the same source is taken with it; other pieces are taken all, states as they are.
        """
        definition = self.steps[step]
        found: dict[str, str] = {}
        driving: str | None = None
        for name in definition.inputs:
            root = self.root(name) if name != step else None
            said = definition.takes.get(name)
            if said is None:
                said = "latest" if root is None else "each" if driving in (None, root) else "all"
            if said == "each" and driving is None:
                driving = root
            found[name] = said
        return MappingProxyType(found)

    def check(self) -> None:
        """Says what is wrong with the line as a whole.

        Raises:
            MisuseError: steps in a circle, or an input taken one by one that follows another source.
        """
        try:
            inputs = {name: one.inputs for name, one in (self.steps | self.models).items()} | {name: (job.reads, job.model) for name, job in self.scores.items()}
            core.Line(self.name, tuple(core.Step(name, several) for name, several in inputs.items())).order()
        except ValueError as error:
            raise MisuseError(f"line {self.name!r}: {error}; one of them has to read something else") from error
        for step in self.steps:
            each = {self.root(name) for name, how in self.takes(step).items() if how == "each"}
            if len(each) > 1 or None in each:
                raise MisuseError(f"step {step!r}: inputs taken by each lot have to follow one source, these follow {sorted(map(str, each))}; take one of them as \"all\"")

    def _new(self, name: str) -> None:
        check_name(name)
        if name in self.sources or name in self.steps or name in self.models or name in self.scores:
            raise MisuseError(f"line {self.name!r} has two parts named {name!r}; rename one")

    def _add(self, step: StepDefinition) -> None:
        self._new(step.name)
        if step.name in step.inputs:
            raise MisuseError(f"step {step.name!r} reads its own result; name the parameter after another flow")
        for what, allowed in ((step.takes.values(), TAKES), ([step.refresh], REFRESHES)):
            for one in what:
                if one not in allowed:
                    raise MisuseError(f"step {step.name!r}: {one!r} is none of {', '.join(allowed)}")
        for name in [*step.takes, *step.uses]:
            if name not in step.inputs:
                raise MisuseError(f"step {step.name!r} has no input {name!r}; its inputs are {', '.join(step.inputs)}")
        self.steps[step.name] = step


def _flow(data: Any, argument: str) -> str:
    """The name of what is given as a step, a source, or a name."""
    found = data if isinstance(data, str) else getattr(data, "into", None) or getattr(data, "name", None) or getattr(data, "__name__", None)
    if not isinstance(found, str):
        raise MisuseError(f"{argument}={data!r} is neither a step nor a source nor a name of a flow")
    return found


def _of_function(
    function: Callable[..., Any], takes: Mapping[str, str], uses: Mapping[str, Sequence[str]], refresh: str, budget: Mapping[str, float], given: Mapping[str, Any]
) -> StepDefinition:
    if not isinstance(function, FunctionType):
        raise MisuseError(f"a step is a plain function, not {type(function).__name__}")
    name = function.__name__
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise MisuseError(f"step {name!r} is async or a generator; write a plain function that returns a table")
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError, AttributeError) as error:
        raise MisuseError(f"step {name!r}: an annotation cannot be read: {error}") from error
    inputs, parameters = [], {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise MisuseError(f"step {name!r}: *{parameter.name} names no input; name each input by a parameter")
        if parameter.default is parameter.empty:
            inputs.append(parameter.name)
        else:
            parameters[parameter.name] = given.get(parameter.name, parameter.default)
    for one in given:
        if one not in parameters:
            raise MisuseError(f"step {name!r} has no parameter {one!r} with a default; it has {', '.join(parameters) or 'none'}")
    if not inputs:
        raise MisuseError(f"step {name!r} reads nothing; name its inputs as parameters without a default")
    try:
        json.dumps(parameters, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise MisuseError(f"step {name!r}: parameters are plain values (numbers, texts, lists of them): {error}") from error
    frames = {one: _kind(name, one, hints.get(one)) for one in inputs}
    return StepDefinition(
        name, tuple(inputs), function, frames=frames, takes=dict(takes), uses={one: tuple(columns) for one, columns in uses.items()}, parameters=parameters,
        refresh=refresh, budget=dict(budget),
    )  # fmt: skip


def _kind(step: str, parameter: str, hint: Any) -> str:
    if hint is None or hint is object or hint is typing.Any:
        return "polars"
    package = getattr(hint, "__module__", "").partition(".")[0]
    if package not in KINDS:
        raise MisuseError(f"step {step!r}: {parameter} is annotated {hint!r}; annotate it as a Polars, pandas or Arrow table (assayline.Table is the first)")
    return "lazy" if getattr(hint, "__name__", "") == "LazyFrame" else KINDS[package]


def tables_of(query: str) -> tuple[str, ...]:
    """The tables a query reads, in order, without those it makes itself (WITH).

    Raises:
        MisuseError: it is no single SELECT.
        MissingExtra: DuckDB is not installed.

    >>> tables_of("WITH busy AS (SELECT * FROM hourly) SELECT * FROM busy JOIN stations USING (id)")
    ('hourly', 'stations')
    """
    try:
        import duckdb
    except ImportError as error:
        raise MissingExtra("a step in SQL", extra="duckdb", package="duckdb") from error
    with duckdb.connect(":memory:", config={"enable_external_access": "false"}) as connection:
        try:
            parsed = json.loads(connection.execute("select json_serialize_sql(?::varchar)", [query]).fetchall()[0][0])
        except duckdb.Error as error:
            raise MisuseError(f"the query cannot be read: {error}") from error
    if parsed.get("error") or len(parsed.get("statements", [])) != 1:
        said = parsed.get("error_message") or "give one SELECT"
        raise MisuseError(f"the query cannot be read: {said}; a step is one SELECT")
    read: dict[str, None] = {}
    made: set[str] = set()
    _walk(parsed["statements"], read, made)
    return tuple(name for name in read if name not in made)


def _walk(node: Any, read: dict[str, None], made: set[str]) -> None:
    if isinstance(node, list):
        for one in node:
            _walk(one, read, made)
    elif isinstance(node, dict):
        if node.get("type") == "BASE_TABLE" and node.get("table_name"):
            read.setdefault(node["table_name"])
        made.update(one["key"] for one in (node.get("cte_map") or {}).get("map", []))
        for one in node.values():
            _walk(one, read, made)


def load_line(path: str) -> Line:
    """The line that a file, or the file `line.py` of a folder, defines. The file is Python and is run; nothing of the line is.

    Args:
        path: the file, or its folder.

    Raises:
        MisuseError: there is none, it defines none or two, or it cannot be run; the message names file and line.
    """
    file = os.path.join(path, FILE) if os.path.isdir(path) else path
    if not os.path.isfile(file):
        raise MisuseError(f"there is no line at {file!r}; write one (see docs/line.md), or name it with --line")
    module = _module(file)
    found = {id(one): one for one in vars(module).values() if isinstance(one, Line)}
    if len(found) != 1:
        raise MisuseError(f"{file}: it defines {len(found)} lines; define one: line = assayline.Line(\"name\")")
    line = next(iter(found.values()))
    line.check()
    return line


def line_in(folder: str, file: str | None = None) -> core.Line | None:
    """What the line of a project is; None where the project has none.

    Args:
        folder: of the project.
        file: another file than the `line.py` of the folder; it must be there.

    Raises:
        MisuseError: as of `load_line`.
    """
    path = file or os.path.join(folder, FILE)
    return load_line(path).value() if file or os.path.isfile(path) else None


def _module(file: str) -> ModuleType:
    folder, name = os.path.dirname(os.path.abspath(file)), "assay_line_" + re.sub(r"\W", "_", os.path.basename(file)[:-3])
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise MisuseError(f"{file}: a line is a Python file; its name ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if folder not in sys.path:
        sys.path.insert(0, folder)  # the project's own modules, as if the file had been started
    try:
        spec.loader.exec_module(module)
    except MisuseError as error:
        raise MisuseError(f"{file}{_line_of(error, file)}: {error}") from error
    except Exception as error:
        raise MisuseError(f"{file}{_line_of(error, file)}: {type(error).__name__}: {error}; mend the file") from error
    return module


def _line_of(error: BaseException, file: str) -> str:
    if isinstance(error, SyntaxError) and error.filename == file:
        return f":{error.lineno}"
    numbers = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            numbers.append(trace.tb_lineno)
        trace = trace.tb_next
    return f":{numbers[-1]}" if numbers else ""
