"""The top level of a file of Python as pieces that can be told apart by meaning, taken out and put back. Only parsed, never executed.

A piece is one statement with the comments above it; an import of several names is one piece for each. What says nothing about what a piece does counts
for nothing: comments, layout, docstrings, the decorator that makes a step, and the defaults of a step, which are its parameters and are told apart as such.
"""

from __future__ import annotations

import ast
import functools
import posixpath
import symtable
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

WHOLE = "<content>"  # the name of a file that is one definition: no Python, or Python that cannot be parsed
SQL = "sql"


@dataclass(frozen=True)
class Piece:
    """One statement of the top level.

    Args:
        names: it binds, or changes what they hold; none for what only happens.
        text: as it stands in the file, with what stands above it; of an import of several names the import of this one.
        whole: the text of the whole statement.
        meaning: the same for two pieces that do the same.
        needs: names of the module it reads.
        needs_first: those it reads while the file is loaded, and not only when it is called.
        attributes: the names its meaning rests on, each with the attribute that is asked for, or "" where it stands by itself. The decorator that makes a step leads to
            the line, and the line to all its other parts: it is needed, but it has no part in the meaning.
        texts: constants in it, which may name a file.
        imports: what it imports when it is called.
        statement: which of the file it is part of; imports share one.
        is_import: whether it brings in a name from elsewhere.
        leads: whether it has to stand first: the docstring, and imports from the future.
        lines: first and last line.
    """

    names: tuple[str, ...]
    text: str
    whole: str
    meaning: str
    needs: frozenset[str]
    needs_first: frozenset[str]
    attributes: frozenset[tuple[str, str]]
    texts: frozenset[str]
    imports: tuple[str, ...]
    statement: int
    is_import: bool
    leads: bool
    lines: tuple[int, int]


@functools.lru_cache(maxsize=256)
def pieces_of(text: str) -> tuple[Piece, ...] | None:
    """The pieces of a file, in order; None where it is no Python."""
    try:
        text = text.removeprefix("\ufeff")
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    both = zip(tree.body, _segments(text, tree.body), strict=True)
    return tuple(piece for number, (statement, shown) in enumerate(both) for piece in _pieces(statement, shown, number))


def is_python(file: str) -> bool:
    """Whether a file is told apart definition by definition, as its name says."""
    return file.endswith(".py")


def _segments(text: str, statements: Sequence[ast.stmt]) -> Iterator[str]:
    """The text of each statement, with what stands between it and the one before."""
    lines = text.splitlines(keepends=True)
    starts = [min([one.lineno, *(decorator.lineno for decorator in getattr(one, "decorator_list", ()))]) for one in statements]
    ends = [one.end_lineno or one.lineno for one in statements]
    shared = any(start <= end for start, end in zip(starts[1:], ends, strict=False)) or len(lines) != len(text.split("\n")) - text.endswith("\n")
    if shared:  # two statements on one line, or line ends that parsers count in other ways
        yield from (ast.unparse(one) + "\n" for one in statements)
        return
    for before, end in zip([0, *ends], ends, strict=False):
        shown = "".join(lines[before:end])
        yield shown if shown.endswith("\n") else shown + "\n"


def _pieces(statement: ast.stmt, text: str, number: int) -> Iterator[Piece]:
    lines = (statement.lineno, statement.end_lineno or statement.lineno)
    if isinstance(statement, ast.Import | ast.ImportFrom):
        leads = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        for alias, said in zip(statement.names, _one_by_one(statement), strict=True):
            shown = text if len(statement.names) == 1 else said + "\n"
            name = alias.asname or (alias.name if isinstance(statement, ast.ImportFrom) else alias.name.partition(".")[0])
            yield Piece((name,), shown, text, said, frozenset(), frozenset(), frozenset(), frozenset(), (), number, True, leads, lines)
        return
    bare = _bare(statement)
    names = tuple(dict.fromkeys(_bound(statement)))
    outer = _outer_names(statement)
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    texts = frozenset(node.value for node in ast.walk(bare) if isinstance(node, ast.Constant) and isinstance(node.value, str) and 0 < len(node.value) <= 250)
    imports = tuple(said for node in ast.walk(statement) if isinstance(node, ast.Import | ast.ImportFrom) for said in _one_by_one(node))
    leads = number == 0 and is_text
    yield Piece(names, text, text, ast.dump(bare), outer, _at_once(statement, outer), _attributes(bare), texts, imports, number, False, leads, lines)


def _one_by_one(statement: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """An import of several names as one import for each."""
    for alias in statement.names:
        yield ast.unparse(ast.Import([alias]) if isinstance(statement, ast.Import) else ast.ImportFrom(statement.module, [alias], statement.level))


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
        base = _base(statement.value.func) if isinstance(statement.value, ast.Call) else None
        if base is not None and isinstance(statement.value, ast.Call) and base != statement.value.func:
            yield base.id
    else:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
            elif isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
                base = _base(node)
                if base is not None:
                    yield base.id


def _base(node: ast.expr) -> ast.Name | None:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node if isinstance(node, ast.Name) else None


def _outer_names(statement: ast.stmt) -> frozenset[str]:
    """The names of the module that a statement reads."""
    todo = [symtable.symtable(ast.unparse(statement), "<statement>", "exec")]
    found: set[str] = set()
    while todo:
        table = todo.pop()
        todo += table.get_children()
        found.update(one.get_name() for one in table.get_symbols() if one.is_referenced() and (one.is_global() or table.get_type() == "module"))
    return frozenset(found)


def _at_once(statement: ast.stmt, names: frozenset[str]) -> frozenset[str]:
    """Of the names that a statement reads those it reads while the file is loaded."""
    if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return names
    arguments = statement.args
    hints = [one.annotation for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg) if one is not None]
    early = [*statement.decorator_list, *arguments.defaults, *arguments.kw_defaults, *hints, statement.returns]
    return names & {node.id for one in early if one is not None for node in ast.walk(one) if isinstance(node, ast.Name)}


def _attributes(statement: ast.stmt) -> frozenset[tuple[str, str]]:
    names = _outer_names(statement)
    asked = {id(node.value): node.attr for node in ast.walk(statement) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)}
    return frozenset((node.id, asked.get(id(node), "")) for node in ast.walk(statement) if isinstance(node, ast.Name) and node.id in names)


def _bare(statement: ast.stmt) -> ast.stmt:
    """A statement without what says nothing about what it does."""
    bare = _Undocumented().visit(ast.parse(ast.unparse(statement)).body[0])
    if isinstance(bare, ast.FunctionDef) and any(map(makes_a_step, bare.decorator_list)):
        bare.decorator_list = [one for one in bare.decorator_list if not makes_a_step(one)]
        bare.args.defaults = [ast.Constant(None) for _ in bare.args.defaults]
        bare.args.kw_defaults = [None if one is None else ast.Constant(None) for one in bare.args.kw_defaults]
    assert isinstance(bare, ast.stmt)
    return bare


class _Undocumented(ast.NodeTransformer):
    def visit(self, node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                node.body = node.body[1:] or [ast.Pass()]
        return node


def makes_a_step(decorator: ast.expr) -> bool:
    """Whether a decorator makes a function a step of a line."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Attribute) and called.attr == "step"


def home_of(files: Mapping[str, str], name: str) -> str | None:
    """The file that defines a function of this name: one that makes it a step, if there is one.

    >>> home_of({"line.py": "@line.step\\ndef hourly(rides): ...", "old.py": "def hourly(): ..."}, "hourly")
    'line.py'
    """
    found: dict[bool, str] = {}
    for file, text in sorted(files.items()):
        if not is_python(file) or f"def {name}" not in text:
            continue
        try:
            body = ast.parse(text).body
        except (SyntaxError, ValueError, RecursionError):
            continue
        for one in body:
            if isinstance(one, ast.FunctionDef) and one.name == name:
                found.setdefault(any(map(makes_a_step, one.decorator_list)), file)
    return found.get(True, found.get(False))


def defaults_of(files: Mapping[str, str], name: str) -> str:
    """What the parameters of a step are when nobody says it, where they stand in the code; "" where there is no such function."""
    home = home_of(files, name)
    if home is None:
        return ""
    made = next(one for one in ast.parse(files[home]).body if isinstance(one, ast.FunctionDef) and one.name == name)
    return ", ".join(ast.unparse(one) for one in (*made.args.defaults, *made.args.kw_defaults) if one is not None)


def used_by(files: Mapping[str, str], file: str, name: str) -> frozenset[tuple[str, str]]:
    """What a definition of the project uses, itself among it, as pairs of file and name; rather too much than too little.

    Args:
        files: texts by their paths below the project.
        file: where the definition stands.
        name: of the definition.

    >>> files = {"line.py": "from rates import RATE\\ndef gross(x): return x * RATE\\ndef other(): ...", "rates.py": "RATE = 2"}
    >>> sorted(used_by(files, "line.py", "gross"))
    [('line.py', 'RATE'), ('line.py', 'gross'), ('rates.py', 'RATE')]
    """
    parsed = {one: pieces_of(text) or () for one, text in files.items() if is_python(one)}
    found: set[tuple[str, str]] = set()
    modules: set[tuple[str, str]] = set()
    todo = [(file, name)]
    while todo:
        one = todo.pop()
        if one in found:
            continue
        found.add(one)
        for piece in parsed.get(one[0], ()):
            if one[1] in piece.names:
                more, passed = _used_by_piece(files, parsed, one[0], piece)
                todo += more
                modules |= passed
    return frozenset(found | modules)


def _used_by_piece(
    files: Mapping[str, str], parsed: Mapping[str, Sequence[Piece]], file: str, piece: Piece
) -> tuple[list[tuple[str, str]], set[tuple[str, str]]]:
    """What a piece uses; and the modules of which it asks for something by name, so that not all of them is used."""
    if piece.is_import:
        return list(_imported(files, parsed, file, piece.meaning, None)), set()
    found = [target for said in piece.imports for target in _imported(files, parsed, file, said, None)]
    found += [(path, WHOLE) for text in piece.texts for path in _places(file, text) if path in files]
    bound = {name for other in parsed[file] for name in other.names}
    modules = set()
    for needed, attribute in piece.attributes:
        imported = [other for other in parsed[file] if other.is_import and needed in other.names and other.meaning.startswith("import ")]
        if imported and attribute:
            modules.add((file, needed))
            found += [target for other in imported for target in _imported(files, parsed, file, other.meaning, attribute)]
        else:
            found.append((file, needed if needed in bound else "*"))
    return found, modules


def _imported(files: Mapping[str, str], parsed: Mapping[str, Sequence[Piece]], file: str, statement: str, attribute: str | None) -> Iterator[tuple[str, str]]:
    """What an import brings in of the project's own files: of a module the attribute that is asked for, or all of it."""
    [node] = ast.parse(statement).body
    if isinstance(node, ast.ImportFrom):
        base, [alias] = "." * node.level + (node.module or ""), node.names
        module = _module(files, file, base + ("" if base.endswith(".") else ".") + alias.name)
        if module is None:
            inner = _module(files, file, base)
            wanted = None if alias.name == "*" else alias.name
        else:
            inner, wanted = module, None
    elif isinstance(node, ast.Import):
        inner, wanted = _module(files, file, node.names[0].name), attribute or None
    else:
        return
    if inner is not None:
        names = [name for piece in parsed.get(inner, ()) for name in piece.names]
        yield from ((inner, name) for name in ([wanted] if wanted in names else names))


def _module(files: Mapping[str, str], file: str, dotted: str) -> str | None:
    level = len(dotted) - len(dotted.lstrip("."))
    tail = dotted.lstrip(".").replace(".", "/")
    base = posixpath.dirname(file)
    for _ in range(level - 1):
        base = posixpath.dirname(base)
    for folder in [base] if level else [base, ""]:
        for path in (posixpath.join(folder, tail) + ".py", posixpath.join(folder, tail, "__init__.py")):
            if path in files:
                return path
    return None


def _places(file: str, text: str) -> Iterator[str]:
    for folder in (posixpath.dirname(file), ""):
        yield posixpath.normpath(posixpath.join(folder, text))
