"""Builds HTML in which foreign text can only ever be text.

A `str` is foreign and is always escaped; `Markup` is what this module built. There is no way to write a tag
or an attribute that is not on the lists below, so no data can bring a script, a link or an address to load.

>>> print(element("p", "1 < 2 & ", element("b", "<script>")))
<p>1 &lt; 2 &amp; <b>&lt;script&gt;</b></p>
"""

from __future__ import annotations

import html
import re

from .visible import visible


class Markup(str):
    """HTML that was built here and is not escaped again."""

    __slots__ = ()


Child = str | Markup | None


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TAGS = _words(
    "article aside bdi body b code dd details div dl dt em footer h1 h2 h3 h4 header li main mark ol p section small span strong "
    "sub summary table tbody td th thead title tr ul svg g rect line path circle text desc caption"
)
EMPTY_TAGS = frozenset({"rect", "line", "path", "circle"})
ATTRIBUTES = _words(
    "class lang dir role scope open title id x y x1 x2 y1 y2 cx cy r rx d width height viewBox preserveAspectRatio colspan tabindex "
    "text-anchor transform aria-label aria-labelledby aria-hidden aria-current focusable"
)
NOTHING = Markup("")


def escaped(text: str) -> Markup:
    """A foreign text as HTML text (or attribute value): first made visible, then escaped.

    >>> escaped("a\\u202eb<i>")
    'a\\\\u202eb&lt;i&gt;'
    """
    if isinstance(text, Markup):
        return text
    return Markup(html.escape(visible(text), quote=True))


def joined(*children: Child) -> Markup:
    """Children one after the other; None is nothing."""
    return Markup("".join([escaped(child) for child in children if child is not None]))


def element(tag: str, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """One element.

    Args:
        tag: one of `TAGS`.
        children: text (escaped), markup, or None.
        attributes: `class_` is class, `aria_label` is aria-label, `view_box` is viewBox; None or False leaves it out,
            True writes the bare name.

    Raises:
        ValueError: the tag or an attribute is not on the list.
    """
    if tag not in TAGS:
        raise ValueError(f"no element {tag!r} is ever written into a report")
    parts = [f"<{tag}"]
    for python_name, value in attributes.items():
        if value is None or value is False:
            continue
        name = _attribute(python_name)
        if value is True:
            parts.append(f" {name}")
        else:
            given = _number(value) if isinstance(value, (int, float)) else escaped(value)
            parts.append(f' {name}="{given}"')
    if tag in EMPTY_TAGS and not children:
        return Markup("".join(parts) + "/>")
    return Markup("".join(parts) + ">" + joined(*children) + f"</{tag}>")


def _attribute(python_name: str) -> str:
    name = {"view_box": "viewBox"}.get(python_name, python_name.rstrip("_").replace("_", "-"))
    if name not in ATTRIBUTES:
        raise ValueError(f"no attribute {name!r} is ever written into a report")
    return name


def _number(value: float) -> str:
    """Coordinates to a tenth of a pixel: finer is only bytes."""
    return re.sub(r"\.0$", "", f"{float(value):.1f}")
