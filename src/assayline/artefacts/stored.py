"""What a predictor is stored as: named files of JSON and text, in which every number reads back to the same bits."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from assayline.errors import InputError, LimitExceeded, MisuseError, Unreadable

if TYPE_CHECKING:
    from .predictor import Predictor

Array = npt.NDArray[np.float64]
DOCUMENT = "predictor.json"
DEEPEST = 8  # an interval around calibrated blends of selected columns is 4 deep; what nests deeper was made to exhaust its reader
AGAIN = "ask for the bundle again, or write it again with this version of Assayline"
_APART = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def matrix(X: npt.ArrayLike, width: int) -> Array:
    """X as a matrix of float64 with `width` columns (0: any number).

    Raises:
        MisuseError: it has another shape.

    >>> matrix([[1, 2]], 2)
    array([[1., 2.]])
    >>> matrix([[1, 2]], 3)
    Traceback (most recent call last):
        ...
    assayline.errors.MisuseError: the model takes 3 columns and got 2: encode the rows with the plan it was trained with
    """
    found = np.asarray(X, dtype=np.float64)
    if found.ndim != 2:
        raise MisuseError(f"the model takes a matrix (rows, columns) and got {found.ndim} dimension(s): encode the rows with the plan it was trained with")
    if width and found.shape[1] != width:
        raise MisuseError(f"the model takes {width} columns and got {found.shape[1]}: encode the rows with the plan it was trained with")
    return found


def frozen(values: npt.ArrayLike) -> Array:
    """A copy as float64 that nobody can change."""
    copy = np.array(values, dtype=np.float64)
    copy.setflags(write=False)
    return copy


def plain(values: npt.ArrayLike) -> Any:
    """An array as nested lists for JSON: the shortest decimal that reads back to the same bits; NaN and infinities as texts.

    >>> plain(np.array([0.1, float("nan")]))
    [0.1, 'nan']
    """
    array = np.asarray(values, dtype=np.float64)
    if np.isfinite(array).all():
        return array.tolist()
    return _named(array.tolist())


def _named(values: Any) -> Any:
    if isinstance(values, list):
        return [_named(one) for one in values]
    return values if math.isfinite(values) else "nan" if math.isnan(values) else "inf" if values > 0 else "-inf"


def written(document: Mapping[str, Any]) -> bytes:
    """JSON with sorted keys and one spelling, so that equal content is equal bytes.

    >>> written({"b": 1, "a": [0.1]})
    b'{"a":[0.1],"b":1}\\n'
    """
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass") + b"\n"


def parsed(content: bytes, where: str, name: str) -> dict[str, Any]:
    """The JSON object that a member holds.

    Raises:
        Unreadable: it is no JSON object, or names a key twice.
    """
    try:
        document = json.loads(content.decode("utf-8", "surrogatepass"), object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise LimitExceeded(where, "its values are nested too deep", place=name, next_step=AGAIN) from None
    except ValueError as error:
        raise Unreadable(where, f"it is no JSON: {str(error)[:200]}", place=name, next_step=AGAIN) from None
    if not isinstance(document, dict):
        raise Unreadable(where, f"it holds {type(document).__name__}, not an object", place=name, next_step=AGAIN)
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands in it twice")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def nested(prefix: str, members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Members below a folder.

    >>> nested("inner", {"predictor.json": b"{}"})
    {'inner/predictor.json': b'{}'}
    """
    return {f"{prefix}/{name}": content for name, content in members.items()}


def below(prefix: str, members: Mapping[str, bytes]) -> dict[str, bytes]:
    """The members of a folder, named as inside it.

    >>> below("inner", {"inner/predictor.json": b"{}", "model.txt": b""})
    {'predictor.json': b'{}'}
    """
    return {name[len(prefix) + 1 :]: content for name, content in members.items() if name.startswith(prefix + "/")}


@dataclass(frozen=True)
class Stored:
    """The members of one predictor, asked for by name and checked while they are.

    Args:
        members: its files, named from its own folder.
        where: the file they come from, for errors.
        folder: the folder inside that file, for errors.
        depth: how many predictors it stands inside.
        allowed: digests of files that run code and may be loaded all the same, in a child process.
    """

    members: Mapping[str, bytes]
    where: str
    folder: str = ""
    depth: int = 0
    allowed: frozenset[str] = frozenset()

    def document(self) -> dict[str, Any]:
        """What its `predictor.json` says."""
        return parsed(self.content(DOCUMENT), self.where, self.place(DOCUMENT))

    def place(self, name: str) -> str:
        return f"{self.folder}/{name}" if self.folder else name

    def wrong(self, cause: str, name: str = DOCUMENT) -> InputError:
        """The error for a member that is not what it should be."""
        return Unreadable(self.where, cause, place=self.place(name), next_step=AGAIN)

    def content(self, name: str) -> bytes:
        if name not in self.members:
            raise self.wrong("it is missing", name)
        return self.members[name]

    def text(self, name: str) -> str:
        try:
            return self.content(name).decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.wrong(f"it is no UTF-8 text: {error}", name) from None

    def only(self, *names: str, folders: Iterable[str] = ()) -> None:
        """Raises when there are files that nobody asks for."""
        known, inside = {DOCUMENT, *names}, tuple(f"{folder}/" for folder in folders)
        extra = sorted(name for name in self.members if name not in known and not name.startswith(inside))
        if extra:
            raise self.wrong("it does not belong to this kind of predictor", extra[0])

    def inner(self, folder: str) -> Predictor:
        """The predictor inside a folder of this one."""
        from .predictor import loaded

        if self.depth >= DEEPEST:
            raise LimitExceeded(self.where, f"predictors are nested more than {DEEPEST} deep", place=self.place(folder), next_step=AGAIN)
        return loaded(Stored(below(folder, self.members), self.where, self.place(folder), self.depth + 1, self.allowed))

    def array(self, document: Mapping[str, Any], name: str, *shape: int, finite: bool = True) -> Array:
        """An array of the document with this shape; -1 stands for any length.

        Args:
            document: what holds it.
            name: its key.
            shape: its lengths; none for a single number.
            finite: whether NaN and infinities are refused.
        """
        try:
            found = np.asarray(_numbers(document.get(name)), dtype=np.float64)
        except (TypeError, ValueError, RecursionError):
            raise self.wrong(f"{name!r} is not an array of numbers") from None
        if found.size == 0 and 0 in [max(length, 0) for length in shape]:  # [] has lost its lengths
            found = found.reshape([max(length, 0) for length in shape])
        if found.ndim != len(shape) or any(wanted not in (-1, length) for wanted, length in zip(shape, found.shape, strict=True)):
            wanted = " × ".join("any" if one < 0 else str(one) for one in shape) or "one number"
            raise self.wrong(f"{name!r} has the shape {found.shape} and should have {wanted}")
        if finite and not np.isfinite(found).all():
            raise self.wrong(f"{name!r} holds values that are not finite")
        return frozen(found)

    def integer(self, document: Mapping[str, Any], name: str, least: int = 0, most: int = 1 << 31) -> int:
        found = document.get(name)
        if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
            raise self.wrong(f"{name!r} is {found!r} and should be a whole number from {least} to {most}")
        return found

    def integers(self, document: Mapping[str, Any], name: str, least: int = 0, most: int = 1 << 31) -> tuple[int, ...]:
        found = document.get(name)
        if not isinstance(found, list):
            raise self.wrong(f"{name!r} is not a list")
        return tuple(self.integer({name: one}, name, least, most) for one in found)

    def word(self, document: Mapping[str, Any], name: str, among: Iterable[str] = ()) -> str:
        found = document.get(name)
        if not isinstance(found, str) or (among and found not in among):
            raise self.wrong(f"{name!r} is {found!r} and should be " + (f"one of {', '.join(among)}" if among else "a text"))
        return found


def _numbers(values: Any) -> Any:
    if isinstance(values, list):
        return [_numbers(one) for one in values]
    if isinstance(values, str):
        return _APART[values] if values in _APART else _refused(values)
    return values if isinstance(values, int | float) and not isinstance(values, bool) else _refused(values)


def _refused(value: object) -> float:
    raise ValueError(f"{value!r} is no number")
