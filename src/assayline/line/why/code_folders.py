"""Code of another time as a folder that can be run: the files of a step as they were, and of the project what they need besides.

Nothing in such a folder is a link into the project: a step that writes to its working folder must not reach the project through it.
"""

from __future__ import annotations

import ast
import contextlib
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from ..code_identity import MOST_FILE_BYTES, MOST_KEPT_BYTES
from .area import key_of


@dataclass(frozen=True)
class Files:
    """The files of one step.

    Args:
        texts: by path below the folder of the line.
        copied: paths that are copied as they are, by the path they are copied from.
    """

    texts: Mapping[str, str]
    copied: Mapping[str, str] = field(default_factory=dict)

    def key(self) -> str:
        """What the files are known by: their content."""
        about = {name: [os.stat(path).st_size, os.stat(path).st_mtime_ns] for name, path in self.copied.items()}
        return key_of(dict(self.texts), about)

    def defines(self, step: str, line: str) -> tuple[str, bool]:
        """The file that defines the line, and True; or the one that defines the function of the step, and False; "" for neither.

        Args:
            step: its name.
            line: the path of the line's file below its folder.
        """
        if line in self.texts:
            return line, True
        functions = {name: _functions(text) for name, text in self.texts.items() if name.endswith(".py")}
        return next((name for name, found in functions.items() if step in found), ""), False

    def put(self, folder: str) -> None:
        """Writes everything into an empty folder."""
        for name in (*self.texts, *self.copied):
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        for name, text in self.texts.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(text.encode("utf-8", "surrogateescape"))
        for name, path in self.copied.items():
            shutil.copyfile(path, os.path.join(folder, name))


def files_of(texts: Mapping[str, str], others: Mapping[str, str], root: str) -> Files:
    """The recorded files of a step with what they need besides: modules they import and files they name, as other steps recorded them or as they stand in the project.

    Args:
        texts: recorded with the step.
        others: recorded with other steps at the time, by path.
        root: the folder of the line.
    """
    found = {name: text for name, text in texts.items() if _is_whole(text)}
    copied: dict[str, str] = {}
    todo = list(texts)
    while todo:
        name = todo.pop()
        text = found.get(name)
        if text is None and name not in copied:
            path = os.path.join(root, name)
            if not os.path.isfile(path) or os.path.getsize(path) > MOST_FILE_BYTES:
                continue
            text = others.get(name) if _is_whole(others.get(name, "")) else None
            if text is None:
                copied[name] = path
                text = _text(path) if name.endswith(".py") else None
            else:
                found[name] = text
        if text is not None and name.endswith(".py"):
            todo += [one for one in _needed(text, name, root, {*texts, *others}) if one not in found and one not in copied]
    return Files(found, copied)


def _is_whole(text: str) -> bool:
    """Whether a recorded text is the file: of one that is no text, bytes were replaced."""
    return "\ufffd" not in text


def _text(path: str) -> str | None:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if os.path.getsize(path) <= MOST_KEPT_BYTES:
            with open(path, encoding="utf-8") as file:
                return file.read()
    return None


def _needed(text: str, name: str, root: str, recorded: Collection[str]) -> Iterator[str]:
    """The modules and files of the project that a file speaks of, by their paths below the folder."""
    tree = _parsed(text)
    beside = os.path.dirname(name)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _modules(alias.name.split("."), ("", beside), root, recorded)
        elif isinstance(node, ast.ImportFrom):
            base = beside
            for _ in range(node.level - 1):
                base = os.path.dirname(base)
            words = node.module.split(".") if node.module else []
            for alias in node.names:
                yield from _modules([*words, alias.name], (base,) if node.level else ("", beside), root, recorded)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and 0 < len(node.value) <= 250 and not set("\0\n") & set(node.value):
            for folder in dict.fromkeys((beside, "")):
                path = os.path.normpath(os.path.join(folder, node.value))
                if not os.path.isabs(path) and not path.startswith("..") and os.path.isfile(os.path.join(root, path)):
                    yield path


def _modules(words: list[str], folders: Collection[str], root: str, recorded: Collection[str]) -> Iterator[str]:
    """The files of a dotted name: the packages above it too."""
    for folder in dict.fromkeys(folders):
        for number in range(1, len(words) + 1):
            for end in (".py", f"{os.sep}__init__.py"):
                path = os.path.join(folder, *words[:number]) + end
                if path in recorded or os.path.isfile(os.path.join(root, path)):
                    yield path


def _functions(text: str) -> set[str]:
    tree = _parsed(text)
    return {one.name for one in tree.body if isinstance(one, ast.FunctionDef)} if tree is not None else set()


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


class CodeFolders:
    """Folders of code below a folder of work; each is as it was put whenever a step is to run in it.

    Args:
        root: the folder of work.
    """

    def __init__(self, root: str) -> None:
        self.root = os.path.join(root, "code")
        os.makedirs(self.root, exist_ok=True)

    def folder(self, files: Files) -> str:
        """The folder with these files, and nothing a step left there."""
        place = os.path.join(self.root, files.key()[:24])
        if not os.path.isdir(place):
            os.mkdir(place)
            files.put(place)
        return place

    def working(self, files: Files) -> str:
        """A fresh working folder with the data files a step may open by a relative path; what a step writes there is for it alone."""
        place = os.path.join(self.root, files.key()[:24] + ".cwd")
        shutil.rmtree(place, ignore_errors=True)
        os.mkdir(place)
        Files({name: text for name, text in files.texts.items() if not name.endswith(".py")}, {name: path for name, path in files.copied.items() if not name.endswith(".py")}).put(place)
        return place


