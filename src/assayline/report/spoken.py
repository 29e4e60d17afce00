"""Sentences in which names stand between backticks, as they are written for terminals, for pages.

>>> print(with_code("The error of `forecasts` rose.", 80))
The error of <code><bdi>forecasts</bdi></code> rose.
>>> print(with_code("one ` alone and <b>", 80))
one ` alone and &lt;b&gt;
"""

from __future__ import annotations

from .markup import Markup, element, escaped, joined
from .visible import shown


def with_code(sentence: str, most: int) -> Markup:
    """The sentence, visible and cut to `most` cells; what is between backticks as code."""
    pieces = shown(sentence, most).split("`")
    if len(pieces) % 2 == 0:  # one is alone: nothing is certain to be a name
        return escaped("`".join(pieces))
    return joined(*(element("code", element("bdi", one)) if place % 2 and one else one for place, one in enumerate(pieces)))
