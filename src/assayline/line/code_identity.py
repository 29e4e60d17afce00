"""Which code a step is: its function and what it uses of the project, told apart by meaning and not by comments or layout.

The names a function reads are followed through the modules of the project (never executed here, only parsed) until nothing new is found. Each definition
counts by its syntax tree without docstrings, so that a comment re-runs nothing and a changed constant re-runs exactly what uses it. A text constant that
names a file of the project counts with the content of that file. What other packages do is the environment's part: their names are given back.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import os
import symtable
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

MOST_FILE_BYTES = 64 << 20  # a larger file that a step reads by name is data: make it a source
MOST_KEPT_BYTES = 1 << 20  # of one file of code that is written down
ALWAYS = frozenset({"polars", "pyarrow"})  # they hand a step its tables


@dataclass(frozen=True)
class Code:
    """The code of a step.

    Args:
        digest: "sha256:…" over everything that counts.
        parts: what counts, as "file: name", in order; for people.
        modules: the packages outside the project it uses, by their import names.
    """

    digest: str
    parts: tuple[str, ...]
    modules: frozenset[str]

    def files(self, root: str) -> dict[str, str]:
        """The texts of the project's own files that have a part in it, by their paths below the folder: what is kept to repeat a run."""
        names = dict.fromkeys(part.rpartition(": ")[0] for part in self.parts if part != "sql")
        found = {}
        for name in names:
            path = os.path.join(root, name)
            if os.path.isfile(path) and os.path.getsize(path) <= MOST_KEPT_BYTES:
                with open(path, "rb") as file:
                    found[name] = file.read().decode("utf-8", "replace")
        return found


def code_of(function: Callable[..., Any], root: str) -> Code:
    """The code of a function.

    Args:
        function: as the line's file defines it.
        root: the folder of the project; files below it are the project's own.
    """
    walk = _Walk(os.path.realpath(root))
    file = os.path.realpath(inspect.getsourcefile(function) or "")
    walk.name(file, function.__qualname__.partition(".")[0])
    cells = inspect.getclosurevars(function).nonlocals
    walk.found.update({("<closure>", name): repr(value) for name, value in cells.items() if not callable(value)})
    for value in cells.values():
        if inspect.isfunction(value):
            inner = code_of(value, root)
            walk.found["<closure>", value.__qualname__] = inner.digest
            walk.modules |= inner.modules
    return walk.code()


def code_of_text(text: str) -> Code:
    """The code of a step that is a query."""
    return Code("sha256:" + hashlib.sha256(text.encode()).hexdigest(), ("sql",), frozenset({"duckdb", *ALWAYS}))


@dataclass(frozen=True)
class _Module:
    """One parsed file: the statements that bind or change each name of its top level."""

    file: str
    bound: dict[str, list[ast.stmt]]


class _Walk:
    def __init__(self, root: str) -> None:
        self.root = root
        self.found: dict[tuple[str, str], str] = {}
        self.modules: frozenset[str] = ALWAYS

    def code(self) -> Code:
        parts = sorted(self.found.items())
        digest = hashlib.sha256(repr([(self._shown(file), name, content) for (file, name), content in parts]).encode()).hexdigest()
        return Code("sha256:" + digest, tuple(f"{self._shown(file)}: {name}" for (file, name), _ in parts), self.modules)

    def _shown(self, file: str) -> str:
        return os.path.relpath(file, self.root) if os.path.isabs(file) else file

    def name(self, file: str, name: str) -> None:
        """Takes in a top-level name of a file, and everything it refers to."""
        if (file, name) in self.found:
            return
        module = _parsed(file, os.stat(file).st_mtime_ns)
        statements = module.bound.get(name, [])
        if not statements:
            return
        self.found[file, name] = ""  # seen: definitions may refer to each other
        own = [_bare(one, name) for one in statements if not isinstance(one, ast.Import | ast.ImportFrom)]
        if own:
            self.found[file, name] = "\n".join(ast.dump(one) for one in own)
        for one in statements:
            if isinstance(one, ast.Import | ast.ImportFrom):
                self._import(module, one, name)
        for bare in own:  # the decorator that makes it a step leads to the line, and the line to all its other parts
            self._statement(module, bare)

    def _statement(self, module: _Module, statement: ast.stmt) -> None:
        attributes = {}
        outer = _outer_names(statement)
        for node in ast.walk(statement):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                attributes[id(node.value)] = node.attr
        for node in ast.walk(statement):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import(module, node)
            elif isinstance(node, ast.Name) and node.id in outer:
                self._reference(module, node.id, attributes.get(id(node)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                self._file(module, node.value)

    def _reference(self, module: _Module, name: str, attribute: str | None) -> None:
        """A name that is read; of a module of the project that is imported under it, only the attribute that is asked for."""
        for one in module.bound.get(name, []):
            if isinstance(one, ast.Import) and attribute is not None:
                for alias in one.names:
                    file = self._file_of(module, alias.name if alias.asname else alias.name.partition(".")[0])
                    if (alias.asname or alias.name.partition(".")[0]) == name and file is not None and attribute in _parsed(file, os.stat(file).st_mtime_ns).bound:
                        self.name(file, attribute)
                        break
                else:
                    continue
                return
        self.name(module.file, name)

    def _import(self, module: _Module, statement: ast.Import | ast.ImportFrom, only: str = "") -> None:
        """What a statement brings in, or only what it brings in under one name."""
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                if only in ("", alias.asname or alias.name.partition(".")[0]):
                    self._whole(module, alias.name)
            return
        base = "." * statement.level + (statement.module or "")
        file = self._file_of(module, base)
        for alias in statement.names:
            if only not in ("", alias.asname or alias.name):
                continue
            below = self._file_of(module, f"{base}.{alias.name}" if statement.module else f"{base}{alias.name}")
            if below is not None:
                self._all_of(below)
            elif file is None:
                self._outside(base)
            elif alias.name == "*":
                self._all_of(file)
            else:
                self.name(file, alias.name)

    def _whole(self, module: _Module, dotted: str) -> None:
        file = self._file_of(module, dotted)
        if file is None:
            self._outside(dotted)
        else:
            self._all_of(file)

    def _all_of(self, file: str) -> None:
        for name in _parsed(file, os.stat(file).st_mtime_ns).bound:
            self.name(file, name)

    def _outside(self, dotted: str) -> None:
        top = dotted.partition(".")[0]
        if top and top not in sys.stdlib_module_names:
            self.modules |= {top}

    def _file_of(self, module: _Module, dotted: str) -> str | None:
        """The file of a module of the project, or None for one of somebody else."""
        level = len(dotted) - len(dotted.lstrip("."))
        base = os.path.dirname(module.file)
        for _ in range(level - 1):
            base = os.path.dirname(base)
        tail = dotted.lstrip(".").replace(".", os.sep)
        for folder in [base] if level else [base, self.root]:
            for candidate in (os.path.join(folder, tail) + ".py", os.path.join(folder, tail, "__init__.py")):
                real = os.path.realpath(candidate)
                if tail and os.path.isfile(real) and (real.startswith(self.root + os.sep)) and "site-packages" not in real:
                    return real
        return None

    def _file(self, module: _Module, text: str) -> None:
        """A file of the project that the code names."""
        if not text or len(text) > 250 or "\0" in text or "\n" in text or os.path.isabs(text):
            return
        for folder in (os.path.dirname(module.file), self.root):
            path = os.path.realpath(os.path.join(folder, text))
            if os.path.isfile(path) and path.startswith(self.root + os.sep) and os.path.getsize(path) <= MOST_FILE_BYTES:
                with open(path, "rb") as file:
                    self.found[path, "<content>"] = hashlib.file_digest(file, "sha256").hexdigest()
                return


@functools.lru_cache(maxsize=512)
def _parsed(file: str, changed: int) -> _Module:
    with open(file, "rb") as source:
        tree = ast.parse(source.read(), file)
    bound: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        for name in dict.fromkeys(_bound(statement)):
            bound.setdefault(name, []).append(statement)
    return _Module(file, bound)


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names a statement of the top level binds, or changes what they hold."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        for alias in statement.names:
            yield alias.asname or (alias.name if isinstance(statement, ast.ImportFrom) else alias.name.partition(".")[0])
    elif isinstance(statement, ast.If | ast.Try | ast.With | ast.For | ast.While):
        for node in ast.walk(statement):
            if isinstance(node, ast.stmt) and node is not statement and not isinstance(node, ast.If | ast.Try | ast.With | ast.For | ast.While):
                yield from _bound(node)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
    elif isinstance(statement, ast.Expr):
        if isinstance(statement.value, ast.Call):
            base = _base(statement.value.func)
            if base is not None and base != statement.value.func:
                yield base.id
    else:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
            elif isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
                base = _base(node)
                if base is not None:
                    yield base.id


def _outer_names(statement: ast.stmt) -> set[str]:
    """The names of the module that a statement reads: those that are no parameter and no variable of a function in it."""
    todo = [symtable.symtable(ast.unparse(statement), "<statement>", "exec")]
    found: set[str] = set()
    while todo:
        table = todo.pop()
        todo += table.get_children()
        found.update(one.get_name() for one in table.get_symbols() if one.is_referenced() and (one.is_global() or table.get_type() == "module"))
    return found


def _base(node: ast.expr) -> ast.Name | None:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node if isinstance(node, ast.Name) else None


class _Undocumented(ast.NodeTransformer):
    def visit(self, node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                node.body = node.body[1:] or [ast.Pass()]
        return node


def _bare(statement: ast.stmt, name: str) -> ast.stmt:
    """A statement without what says nothing about what it does: docstrings, and the decorator that makes it a step (whose arguments count by themselves)."""
    copied = ast.parse(ast.unparse(statement)).body[0]
    bare = _Undocumented().visit(copied)
    if isinstance(bare, ast.FunctionDef) and bare.name == name:
        bare.decorator_list = [one for one in bare.decorator_list if not _makes_a_step(one)]
    assert isinstance(bare, ast.stmt)
    return bare


def _makes_a_step(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Attribute) and called.attr == "step"
