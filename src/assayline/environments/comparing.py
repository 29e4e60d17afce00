"""Two environments, and what of their differences matters: each named once, with both values and what to do, the worst first."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from .fingerprint import Environment, Package
from .surroundings import THREAD_VARIABLES


class Severity(enum.IntEnum):
    """What a difference does to a delivery.

    >>> str(Severity.BLOCK)
    'block'
    """

    NOTE = 1
    WARN = 2
    BLOCK = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Difference:
    """One thing that differs.

    Args:
        severity: note, warn or block.
        layer: "packages", "locks", or a layer of facts.
        name: of the package, the lock file or the fact.
        before: what it is in the first of two; "" where it is not there.
        now: what it is in the second.
        sentence: both values in plain words.
        next_step: what to do; "" for notes.
    """

    severity: Severity
    layer: str
    name: str
    before: str
    now: str
    sentence: str
    next_step: str = ""


# What models are made with, what stores them, and what computes them: a change of these changes results.
MODELS = frozenset(
    {"scikit-learn", "xgboost", "lightgbm", "catboost", "torch", "tensorflow", "keras", "jax", "jaxlib", "flax", "statsmodels", "prophet", "transformers",
     "onnxruntime", "river", "pyspark", "h2o", "spacy", "sktime"}
)  # fmt: skip
SERIALISERS = frozenset({"joblib", "cloudpickle", "dill", "skops", "onnx", "safetensors", "protobuf", "mlflow"})
NUMERIC = frozenset({"numpy", "scipy", "pandas", "polars", "pyarrow", "numba", "numexpr", "duckdb"})
# What builds and tests, and never computes: that production lacks it is as it should be.
TOOLS = frozenset(
    {"pip", "setuptools", "wheel", "uv", "pip-tools", "build", "pytest", "pytest-cov", "pytest-xdist", "pytest-timeout", "pluggy", "iniconfig", "execnet", "coverage",
     "hypothesis", "mypy", "mypy-extensions", "ruff", "black", "isort", "flake8", "pre-commit", "tox", "nox", "ipython", "ipykernel", "jupyter", "jupyterlab",
     "notebook", "debugpy", "import-linter", "grimp", "pyproject-hooks"}
)  # fmt: skip

SAME_MACHINE = "let a probe say whether results are the same (assay env probe), or build both from one image"
FIRST, SECOND = "\x01", "\x02"  # stand in sentences until both have names
LEVELS = ("major", "minor", "patch")


def compare(
    first: Environment, second: Environment, relevant: Iterable[str] | None = None, *, parses: bool | None = None, pickles: bool | None = None,
    names: tuple[str, str] = ("in the first", "in the second"),
) -> tuple[Difference, ...]:  # fmt: skip
    """What differs, worst first; nothing for equal environments.

    Args:
        first: where it is known to work.
        second: where it shall run.
        relevant: packages that what runs really uses; with all they require they count, others are noted at most. None: the known libraries for
            models, their storage and numbers count, others by how much they changed.
        parses: whether dates or texts are read there, so that time zone and region decide about results; None: not known.
        pickles: whether pickles go from one to the other, so that the minor version of Python decides; None: not known.
        names: how sentences speak of the two, such as ("in dev", "in prod") or ("before", "now").
    """
    if first.digest == second.digest:
        return ()
    found = [
        *_packages(first, second, relevant), *_interpreter(first, second, pickles), *_machine(first, second), *_place(first, second, parses), *_clock(first, second, parses),
        *_math(first, second), *_threads(first, second), *_switches(first, second), *_locks(first, second),
    ]  # fmt: skip
    return worst_first(
        replace(one, sentence=one.sentence.replace(FIRST, names[0]).replace(SECOND, names[1]), next_step=one.next_step if one.severity > Severity.NOTE else "")
        for one in found
    )


def drifted(environment: Environment) -> tuple[Difference, ...]:
    """Where an environment is not what its own lock files say: there is nothing to compare it with, and it is odd all the same."""
    return tuple(_drift(path, name, pinned, installed) for path, lock in environment.locks.items() for name, (pinned, installed) in lock.drift.items())


def worst_first(differences: Iterable[Difference]) -> tuple[Difference, ...]:
    """In the order in which people should read them."""
    return tuple(sorted(differences, key=lambda one: (-one.severity, one.layer, one.name)))


def closure(names: Iterable[str], environment: Environment) -> frozenset[str]:
    """These packages and all they require there."""
    waiting, seen = [str(canonicalize_name(name)) for name in names], set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += environment.packages[name].requires if name in environment.packages else ()
    return frozenset(seen)


def _weights(first: Environment, second: Environment, relevant: Iterable[str] | None) -> Callable[[str], bool | None]:
    """Whether a package counts: True, False, or None where that is not known."""
    if relevant is not None:
        chosen = list(relevant)
        counting = closure(chosen, first) | closure(chosen, second)
        return lambda name: name in counting
    known = MODELS | SERIALISERS | NUMERIC
    return lambda name: True if name in known else False if name in TOOLS else None


def _packages(first: Environment, second: Environment, relevant: Iterable[str] | None) -> Iterator[Difference]:
    counts = _weights(first, second, relevant)
    other_wheels = _other_platform(first, second)
    for name in sorted({*first.packages, *second.packages}):
        one, two = first.packages.get(name), second.packages.get(name)
        if one is None or two is None:
            yield _missing(name, one, two, counts(name))
        elif one != two:
            yield from _package(name, one, two, counts(name), other_wheels)
    installers = [{one.installer for one in each.packages.values()} - {""} for each in (first, second)]
    if all(installers) and not installers[0] & installers[1]:
        before, now = (", ".join(sorted(some)) for some in installers)
        yield Difference(Severity.NOTE, "packages", "installer", before, now, f"The packages were installed by {now}, not by {before}.")


def _missing(name: str, one: Package | None, two: Package | None, counts: bool | None) -> Difference:
    if two is None:
        assert one is not None
        severity = {True: Severity.BLOCK, None: Severity.WARN, False: Severity.NOTE}[counts]
        step = f"install {name}=={one.version}" if severity > Severity.NOTE else ""
        return Difference(severity, "packages", name, one.version, "", f"{name} {one.version} is missing {SECOND}.", step)
    return Difference(Severity.NOTE, "packages", name, "", two.version, f"{name} {two.version} is new: it is not there {FIRST}.")


def _package(name: str, one: Package, two: Package, counts: bool | None, other_wheels: bool) -> Iterator[Difference]:
    at_least_warn = Severity.NOTE if counts is False else Severity.WARN
    if one.version != two.version:
        yield _version(name, one, two, counts)
    elif one.editable != two.editable or (one.record is None and two.record is None and one.source != two.source):  # else the files say more than their origin
        before, now = _origin(one), _origin(two)
        yield Difference(at_least_warn, "packages", name, before, now, f"{name} {one.version} comes from {now}, not from {before}.", f"install the same {name}")
    elif (one.tag, one.build, one.record) != (two.tag, two.build, two.record) and not (other_wheels and _compiled(one) and _compiled(two)):
        yield _build(name, one, two, at_least_warn)
    if set(two.altered) - set(one.altered):
        changed = sorted(set(two.altered) - set(one.altered))
        shown = ", ".join(changed[:3]) + (", …" if len(changed) > 3 else "")
        text = f"{_files(changed)} of {name} {two.version} {'is' if len(changed) == 1 else 'are'} not as installed {SECOND}: {shown}."
        yield Difference(at_least_warn, "packages", name, "as installed", f"{_files(changed)} altered", text, f"install {name} again")
    elif set(one.altered) - set(two.altered):
        text = f"{_files(one.altered)} of {name} {one.version} {'is' if len(one.altered) == 1 else 'are'} as installed {SECOND}, and not {FIRST}."
        yield Difference(at_least_warn, "packages", name, f"{_files(one.altered)} altered", "as installed", text, "move the change into a package of its own")


def _files(names: Iterable[str]) -> str:
    number = len(list(names))
    return f"{number} file{'' if number == 1 else 's'}"


def _version(name: str, one: Package, two: Package, counts: bool | None) -> Difference:
    level = _level(one.version, two.version)
    if counts is False:
        severity = Severity.NOTE
    elif level == "major":
        severity = Severity.BLOCK if counts else Severity.WARN
    elif counts or level == "build":
        severity = Severity.WARN
    else:
        severity = Severity.NOTE
    step = {
        Severity.BLOCK: f"install {name}=={one.version}, or train and test again with {two.version}",
        Severity.WARN: f"install {name}=={one.version}, or let a probe say that results are the same (assay env probe)",
    }
    what = "build" if level == "build" else f"{level} version"
    text = f"{name} is {two.version} {SECOND} and {one.version} {FIRST}: another {what}."
    return Difference(severity, "packages", name, one.version, two.version, text, step.get(severity, ""))


def _level(before: str, now: str) -> str:
    """Which piece of the version changed first.

    >>> _level("2.3.5", "2.4.0"), _level("1.0", "2.0"), _level("2.6.0+cpu", "2.6.0+cu126"), _level("2.0.0rc1", "2.0.0")
    ('minor', 'major', 'build', 'patch')
    """
    try:
        one, two = Version(before), Version(now)
    except InvalidVersion:  # of before PEP 440: nobody can say how much it changed
        return "minor"
    if one.epoch != two.epoch:
        return "major"
    if one.public == two.public:
        return "build"
    pieces = [(*version.release, 0, 0)[:2] for version in (one, two)]
    return next((level for level, left, right in zip(LEVELS, *pieces, strict=False) if left != right), "patch")


def _origin(one: Package) -> str:
    return "a source tree (editable)" if one.editable else one.source or "an index"


def _build(name: str, one: Package, two: Package, severity: Severity) -> Difference:
    before, now = _wheel(one), _wheel(two)
    if one.record is None or two.record is None:
        where = FIRST if one.record is None else SECOND
        text = f"{name} {one.version} has no RECORD {where}, so its files cannot be compared."
        return Difference(Severity.NOTE, "packages", name, before, now, text)
    if one.code is not None and one.code == two.code:
        text = f"{name} {one.version} was packed differently ({now}, not {before}); its code is the same."
        return Difference(Severity.NOTE, "packages", name, before, now, text)
    text = f"{name} {one.version} has other files {SECOND}: another build of the same version ({now}, not {before})."
    return Difference(severity, "packages", name, before, now, text, f"install the same wheel of {name}")


def _wheel(one: Package) -> str:
    words = [one.tag or "no wheel", f"build {one.build}" if one.build else "", f"files {one.record[7:15]}" if one.record else ""]
    return ", ".join(word for word in words if word)


def _compiled(one: Package) -> bool:
    return bool(one.tag) and not all(tag.endswith("-none-any") for tag in one.tag.split())


def _other_platform(first: Environment, second: Environment) -> bool:
    """Whether compiled wheels have to differ: that is said once, of the interpreter or the machine."""
    facts = [("interpreter", "abi"), ("interpreter", "libc"), ("machine", "architecture"), ("machine", "system")]
    return any(first.fact(layer, name).split(" ")[0] != second.fact(layer, name).split(" ")[0] for layer, name in facts)


def _changed(first: Environment, second: Environment, layer: str) -> dict[str, tuple[str, str]]:
    names = sorted({*first.facts[layer], *second.facts[layer]})
    return {name: (first.fact(layer, name), second.fact(layer, name)) for name in names if first.fact(layer, name) != second.fact(layer, name)}


def _fact(severity: Severity, layer: str, name: str, pair: tuple[str, str], what: str, next_step: str = "") -> Difference:
    before, now = pair
    text = f"{what} is {_shown(now)} {SECOND} and {_shown(before)} {FIRST}."
    return Difference(severity, layer, name, before, now, text, next_step if severity > Severity.NOTE else "")


def _shown(value: str) -> str:
    return value if value else "not set"


def _interpreter(first: Environment, second: Environment, pickles: bool | None) -> Iterator[Difference]:
    changed = _changed(first, second, "interpreter")
    if "implementation" in changed:
        yield _fact(Severity.BLOCK, "interpreter", "implementation", changed["implementation"], "The implementation of Python", "use the same one")
    if "version" in changed:
        before, now = changed["version"]
        minor = before.split(".")[:2] != now.split(".")[:2]
        severity = Severity.BLOCK if minor and pickles else Severity.WARN if minor and pickles is None else Severity.NOTE
        yield _fact(severity, "interpreter", "version", (before, now), "Python", f"use Python {'.'.join(before.split('.')[:2])}, or train and test again")
    elif "abi" in changed:
        yield _fact(Severity.WARN, "interpreter", "abi", changed["abi"], "The binary interface of Python", "use the same build of Python")
    elif "build" in changed or "compiler" in changed:
        before, now = (", ".join(each.fact("interpreter", name) for name in ("build", "compiler")) for each in (first, second))
        yield _fact(Severity.NOTE, "interpreter", "build", (before, now), "The build of Python")
    if "libc" in changed:
        before, now = changed["libc"]
        kind = before.split(" ")[0] != now.split(" ")[0]
        yield _fact(Severity.WARN if kind else Severity.NOTE, "interpreter", "libc", (before, now), "The C library", SAME_MACHINE)
    for name in ("byte order", "word"):
        if name in changed:
            yield _fact(Severity.BLOCK, "interpreter", name, changed[name], f"The {name}", SAME_MACHINE)


def _machine(first: Environment, second: Environment) -> Iterator[Difference]:
    words = {"system": "The operating system", "architecture": "The architecture of the machine", "image": "The container image"}
    quiet = {"kernel": "The kernel", "distribution": "The distribution", "cpu": "The processor"}
    for name, pair in _changed(first, second, "machine").items():
        if name in words:
            yield _fact(Severity.NOTE if name == "image" else Severity.WARN, "machine", name, pair, words[name], SAME_MACHINE)
        else:
            yield _fact(Severity.NOTE, "machine", name, pair, quiet.get(name, name))


def _by_use(parses: bool | None) -> Severity:
    return {True: Severity.BLOCK, None: Severity.WARN, False: Severity.NOTE}[parses]


def _place(first: Environment, second: Environment, parses: bool | None) -> Iterator[Difference]:
    changed = _changed(first, second, "place")
    in_force = {name: pair for name, pair in changed.items() if not name.startswith("variable ")}
    for name, pair in in_force.items():
        yield _fact(_by_use(parses), "place", name, pair, f"The region setting {name}" if name.startswith("LC_") else f"The {name}", "set the same LC_ALL in both")
    if not in_force:  # variables without effect
        for name, pair in changed.items():
            yield _fact(Severity.NOTE, "place", name, pair, name.removeprefix("variable "))


def _clock(first: Environment, second: Environment, parses: bool | None) -> Iterator[Difference]:
    changed = _changed(first, second, "clock")
    if any(name.startswith("offset") for name in changed):
        before, now = (_zone(each) for each in (first, second))
        yield _fact(_by_use(parses), "clock", "zone", (before, now), "The time zone", "set the same TZ in both, best UTC")
    elif "zone" in changed:
        yield _fact(Severity.NOTE, "clock", "zone", changed["zone"], "The time zone is the same under another name: it")
    if "zone tables" in changed:
        yield _fact(Severity.NOTE, "clock", "zone tables", changed["zone tables"], "The version of the tables of time zones")


def _zone(environment: Environment) -> str:
    winter, summer = (environment.fact("clock", f"offset in {month}") for month in ("January", "July"))
    return f"{environment.fact('clock', 'zone')} ({_hours(winter)}{'' if winter == summer else ', in July ' + _hours(summer)})"


def _hours(seconds: str) -> str:
    """An offset as people write it.

    >>> _hours("-12600"), _hours("")
    ('-03:30', 'unknown')
    """
    if not re.fullmatch(r"-?\d+", seconds):
        return "unknown"
    minutes = abs(int(seconds)) // 60
    return f"{'-' if seconds.startswith('-') else '+'}{minutes // 60:02}:{minutes % 60:02}"


def _math(first: Environment, second: Environment) -> Iterator[Difference]:
    same_numpy = [each.packages["numpy"].version if "numpy" in each.packages else "" for each in (first, second)]
    for name, pair in _changed(first, second, "math").items():
        if name == "numpy was built with":
            libraries = any(one.startswith("library ") for one in _changed(first, second, "math"))
            if not libraries and same_numpy[0] == same_numpy[1]:  # else that is said, and this follows from it
                yield _fact(Severity.WARN, "math", name, pair, "What numpy was built with", SAME_MACHINE)
        elif name.startswith("library "):
            if all(pair) or _owner_in_both(name, first, second):  # one that is not there is told as a missing package
                yield _fact(Severity.WARN, "math", name, pair, f"The library {name.removeprefix('library ')}", SAME_MACHINE)
        elif name == "cpu features":
            yield _features(pair)
        elif name == "libraries":
            yield _fact(Severity.NOTE, "math", name, pair, "What is known of the numeric libraries")
        elif name == "graphics":
            yield _fact(Severity.WARN, "math", name, pair, "The graphics driver and card", SAME_MACHINE)
        else:
            yield _fact(Severity.WARN, "math", name, pair, name.removeprefix("variable "), "set it alike in both")


def _owner_in_both(name: str, first: Environment, second: Environment) -> bool:
    owner = re.sub(r"[-_.]+", "-", name.partition(" of ")[2]).lower()  # the folder scikit_learn.libs belongs to scikit-learn
    told = any(each.fact("math", "libraries") for each in (first, second))
    return not told and (owner == "the system" or (owner in first.packages and owner in second.packages))


def _features(pair: tuple[str, str]) -> Difference:
    before, now = (set(one.split()) for one in pair)
    pieces = [f"{verb} {' '.join(sorted(some))}" for verb, some in (("lacks", before - now), ("has besides", now - before)) if some]
    text = f"The processor {SECOND} {' and '.join(pieces)}: sums are made in another order."
    return Difference(Severity.WARN, "math", "cpu features", " ".join(sorted(before - now)), " ".join(sorted(now - before)), text, SAME_MACHINE)


def _threads(first: Environment, second: Environment) -> Iterator[Difference]:
    changed = _changed(first, second, "threads")
    counts = {name: pair for name, pair in changed.items() if name.startswith("library ") and all(pair)}
    variables = {name.removeprefix("variable "): pair for name, pair in changed.items() if name.startswith("variable ")}
    cause = "; ".join(f"{name} is {_shown(now)} {SECOND}, {_shown(before)} {FIRST}" for name, (before, now) in variables.items() if name in THREAD_VARIABLES)
    for name, (before, now) in counts.items():
        library = name.removeprefix("library ")
        text = f"{library} computes with {now} thread{'' if now == '1' else 's'} {SECOND} and {before} {FIRST}" + (f" ({cause})." if cause else ".")
        yield Difference(Severity.NOTE, "threads", library, before, now, text)
    if not counts:
        for name, pair in variables.items():
            yield _fact(Severity.NOTE, "threads", name, pair, name)


def _switches(first: Environment, second: Environment) -> Iterator[Difference]:
    quiet = ("variable PYTHONHASHSEED", "random hashes", "optimised", "variable PYTHONOPTIMIZE", "utf-8 mode", "variable PYTHONUTF8")
    changed = _changed(first, second, "switches")
    if "variable PYTHONHASHSEED" in changed:
        changed.pop("random hashes", None)
    for name, pair in changed.items():
        severity = Severity.NOTE if name in quiet else Severity.WARN
        yield _fact(severity, "switches", name, pair, _switch(name), "set it alike in both")


def _switch(name: str) -> str:
    words = {"flush to zero": "Whether tiny results become zero", "denormals are zero": "Whether tiny numbers count as zero", "random hashes": "Whether hashes of text are random"}
    return words.get(name, name.removeprefix("variable "))


def _locks(first: Environment, second: Environment) -> Iterator[Difference]:
    known = set(drifted(first))
    yield from (one for one in drifted(second) if one not in known)
    for path in sorted({*first.locks, *second.locks}):
        digests = [each.locks[path].digest[:15] if path in each.locks else "" for each in (first, second)]
        if all(digests) and digests[0] != digests[1]:
            yield Difference(Severity.NOTE, "locks", path, digests[0], digests[1], f"The lock file {path} is another one ({digests[1]}, not {digests[0]}).")


def _drift(path: str, name: str, pinned: str, installed: str) -> Difference:
    text = f"{path} pins {name} {pinned}, but {installed} is installed."
    return Difference(Severity.WARN, "locks", f"{path}: {name}", pinned, installed, text, f"install from {path}, or lock again")


def as_json(difference: Difference) -> Mapping[str, str]:
    """A difference as plain JSON values."""
    return {
        "severity": str(difference.severity), "layer": difference.layer, "name": difference.name, "before": difference.before, "now": difference.now,
        "sentence": difference.sentence, "next_step": difference.next_step,
    }  # fmt: skip
