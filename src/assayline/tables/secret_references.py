"""Secrets by reference: what is stored names where the secret stands, and never holds it.

    env:NAME                  a variable of the environment
    file:/run/secrets/name    a file; line breaks at its end are dropped

In the address of a channel they stand in curly brackets: https://hooks.slack.com/{env:SLACK_PATH}
"""

from __future__ import annotations

import os
import re
import stat

from ..errors import DeliveryError

REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:/[^{}\x00-\x1f]+")
PLACE = re.compile(rf"\{{({REFERENCE.pattern})\}}")
_LONGEST = 4096


def resolved(reference: str, channel: str) -> str:
    """What a reference stands for now.

    Args:
        channel: who needs it, for the error.

    Raises:
        DeliveryError: there is no such variable or file, it is empty, or it holds more than one line of printable ASCII.
    """
    where, _, name = reference.partition(":")
    if where == "env":
        secret = os.environ.get(name, "")
    else:
        secret = _read(name, reference, channel)
    if not secret:
        raise _unusable(channel, reference, "is not set or empty")
    if len(secret) > _LONGEST or not secret.isascii() or not secret.isprintable():
        raise _unusable(channel, reference, "is not one line of printable ASCII")
    return secret


def filled(text: str, channel: str) -> str:
    """The text with every `{env:…}` and `{file:…}` replaced by what it stands for."""
    return PLACE.sub(lambda place: resolved(place[1], channel), text)


def _read(path: str, reference: str, channel: str) -> str:
    try:
        # A pipe would wait for its writer: nothing but a regular file is read.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _unusable(channel, reference, "is no regular file")
            return file.read(_LONGEST + 3).decode("latin-1").rstrip("\r\n")
    except OSError as error:
        raise _unusable(channel, reference, f"cannot be read ({error.strerror})") from None


def _unusable(channel: str, reference: str, cause: str) -> DeliveryError:
    # Not permanent: the message waits until the operator has put the secret in its place.
    return DeliveryError(channel, f"the secret {reference} {cause}", next_step="put the secret there", unreachable=True)
