"""Cards that are kept as files: written whole or not at all, left alone while nothing changed, and held against the ledger."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

from assayline import hooks
from assayline.errors import AssaylineError, LedgerError, MisuseError, NotFound, Unreadable
from assayline.ledger import records
from assayline.ledger.store import whole_file

from ..definition import Line
from ..models.versions import KIND
from ..project import Project
from .handover import card_document

MARKDOWN, PAGE = "model_card", "model_card_html"
FORMS = {".md": MARKDOWN, ".markdown": MARKDOWN, ".html": PAGE, ".htm": PAGE}
MOST_BYTES = 32 << 20  # of a file that is said to be a card
MOST_CHANGES = 200
BLOCKS = frozenset({"p", "li", "tr", "div", "dt", "dd", "h1", "h2", "code", "a"})
HIDDEN = frozenset({"style", "title", "nav", "script"})

_WRITING = threading.Lock()  # what a process writes under has one name in a folder, and `assay up` has threads

Form = Callable[[Mapping[str, Any]], str]


def form_of(path: str) -> str:
    """Which form a file has by the end of its name.

    Raises:
        MisuseError: neither.

    >>> form_of("docs/churn.md"), form_of("churn.html")
    ('model_card', 'model_card_html')
    """
    found = FORMS.get(os.path.splitext(path)[1].lower())
    if found is None:
        raise MisuseError(f"{path!r}: a card is a file that ends in .md or .html")
    return found


def form(name: str) -> Form:
    """What writes a card in this form.

    Raises:
        MisuseError: no installed package does.
    """
    made: Form | None = dict(hooks.offered("assayline.views")).get(name)
    if made is None:
        raise MisuseError(f"no installed package offers the view {name!r}; the part assayline.report does: install the whole package again")
    return made


def keep(path: str, text: str) -> bool:
    """Writes a card where it is not what stands there already, whole or not at all; says whether it did.

    Raises:
        LedgerError: it cannot be written; what was there is still there.
    """
    content = text.encode("utf-8", "backslashreplace")
    try:
        if os.path.isfile(path) and os.path.getsize(path) == len(content):
            with open(path, "rb") as file:
                if file.read() == content:
                    return False
        with _WRITING, whole_file(path) as temporary, open(temporary, "wb") as file:
            file.write(content)
    except OSError as error:
        raise LedgerError(f"{path}: {error.strerror}; choose another place, or look at the disk and its rights") from error
    return True


def changes(path: str, fresh: str) -> list[str]:
    """What a kept card says otherwise than the ledger says now, in sentences; empty where it is current.

    How a page looks, and blank lines, do not count.

    Args:
        path: of the kept card.
        fresh: the card as it is now, in the same form.

    Raises:
        NotFound: there is no such file.
        MisuseError: the end of its name is that of no card.
        Unreadable: it is no text.
    """
    read = _of_page if form_of(path) == PAGE else _of_markdown
    try:
        if os.path.getsize(path) > MOST_BYTES:
            raise Unreadable(path, "it is too large for a card", next_step="name a file that assay card wrote")
        with open(path, "rb") as file:
            kept = file.read().decode("utf-8")
    except FileNotFoundError as error:
        raise NotFound(path, "there is no such file", next_step="write it with: assay card MODEL --out FILE") from error
    except IsADirectoryError as error:
        raise Unreadable(path, "it is a folder", next_step="name the file of a card") from error
    except UnicodeDecodeError as error:
        raise Unreadable(path, "it is no text", next_step="name a file that assay card wrote") from error
    before, now = read(kept), read(fresh)
    return [] if before == now else list(_said(before, now))


def _said(before: Mapping[str, list[str]], now: Mapping[str, list[str]]) -> Iterator[str]:
    """The differences, section by section, in the order of the card; the digest only where nothing else tells."""
    found = 0
    for title in dict.fromkeys([*now, *before]):
        old, new = before.get(title, []), now.get(title, [])
        news = [one for one in new if one not in old and not _is_end(one)]
        gone = [one for one in old if one not in new and not _is_end(one)]
        for word, several in (("new", news), ("no longer", gone)):
            for one in several:
                found += 1
                if found <= MOST_CHANGES:
                    yield f"{title}: {word}: {one}"
        if not news and not gone and [one for one in old if not _is_end(one)] != [one for one in new if not _is_end(one)]:
            found += 1
            yield f"{title}: in another order"
    if found > MOST_CHANGES:
        yield f"and {found - MOST_CHANGES:,} more"
    if not found:
        yield "its last lines are not those of this card: it was changed by hand, or is a card of something else"


def _is_end(line: str) -> bool:
    return "Digest: sha256:" in line


def _of_markdown(text: str) -> dict[str, list[str]]:
    """The lines of each section, without what only aligns."""
    found: dict[str, list[str]] = {}
    title = ""
    for line in text.splitlines():
        said = re.sub(r"\s+", " ", line).strip()
        if line.startswith("## "):
            title = re.sub(r"\\(.)", r"\1", said[3:])
        elif said and not re.fullmatch(r"[|:\- ]+|`{3,}\w*", said):
            found.setdefault(title or "Title", []).append(said)
    return found


class _Page(HTMLParser):
    """The visible lines of a page, section by section."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: dict[str, list[str]] = {}
        self._title, self._line = "Title", ""
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in HIDDEN:
            self._hidden.append(tag)
        if tag in BLOCKS:
            self.end_line()
        elif tag in ("td", "th") and self._line.strip():
            self._line += " | "

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and self._hidden[-1] == tag:
            self._hidden.pop()
        if tag == "h2":
            self._title, self._line = " ".join(self._line.split()), ""
        elif tag in BLOCKS:
            self.end_line()

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._line += data

    def end_line(self) -> None:
        said = " ".join(self._line.split())
        if said:
            self.found.setdefault(self._title, []).append(said)
        self._line = ""


def _of_page(text: str) -> dict[str, list[str]]:
    page = _Page()
    page.feed(text)
    page.close()
    page.end_line()
    return page.found


def cards_folder(project: Project) -> str | None:
    """Where the cards of all models are kept: `folder` under `[cards]` in assay.toml; None where it is not set.

    Raises:
        MisuseError: it is no name of a folder.
    """
    about = project.settings.get("cards")
    if about is None:
        return None
    folder = about.get("folder") if isinstance(about, dict) else None
    if not isinstance(folder, str) or not folder.strip():
        raise MisuseError(f"[cards] in {project.folder}/assay.toml has no folder; write for instance: folder = \"docs/models\"")
    return folder if os.path.isabs(folder) else os.path.join(project.folder, folder)


def keep_cards(project: Project, line: Line | None, *, on_event: Callable[[str, Mapping[str, Any]], None] | None = None) -> list[str]:
    """Brings the kept cards of all models up to date, `MODEL.md` each; gives what could not be done, in sentences: a card stops nothing else.

    Nothing is done where `[cards]` is not set.

    Args:
        project: where.
        line: what is defined, where there is one.
        on_event: receives ("card", {"model", "path"}) for each that was written.
    """
    problems = []
    try:
        folder = cards_folder(project)
        if folder is None:
            return []
        write = form(MARKDOWN)
        os.makedirs(folder, exist_ok=True)
    except AssaylineError as error:
        return [f"cards of models: {error}"]
    except OSError as error:
        return [f"cards of models: {error.filename}: {error.strerror}; name another folder under [cards] in assay.toml"]
    with project.ledger.read() as connection:
        models = [one.name for one in records.flows(connection, kind=KIND) if one.lots]
    for model in models:
        path = os.path.join(folder, f"{model}.md")
        try:
            if keep(path, write(card_document(project, model, line))) and on_event is not None:
                on_event("card", {"model": model, "path": path})
        except AssaylineError as error:
            problems.append(f"card of {model}: {error}")
    return problems
