"""Every error Assayline raises, and the sentence each of them owes its reader.

    AssaylineError
    ├── InputError            the input could not be read (exit code 2)
    │   ├── NotFound          there is nothing there
    │   ├── Refused           policy: a link out of the folder, a FIFO, a device, a pickle
    │   ├── Unreadable        damaged, truncated, encrypted, or not the format it claims
    │   ├── LimitExceeded     time, memory, decompression ratio, nesting or size
    │   └── ChangedWhileRead  the file grew or was replaced under the reader
    ├── MissingExtra          an optional dependency is not installed
    ├── PluginError           a plug-in could not be loaded or offers something malformed
    └── MisuseError           the caller asked for something that makes no sense

Bad *data* is never an exception: it is a finding.
"""

from __future__ import annotations


class AssaylineError(Exception):
    """The root of all errors of this package."""


class InputError(AssaylineError):
    """The input could not be read.

    Args:
        file: the file, table or query as the user named it.
        cause: what is wrong, in one clause.
        place: where inside the input ("line 12", "byte 40", "column 'a'"), or "" when it is the whole.
        next_step: what the user can do about it.

    >>> print(Unreadable("a.csv", "it is empty", place="byte 0", next_step="ask for it again"))
    a.csv: byte 0: it is empty; ask for it again
    """

    def __init__(self, file: str, cause: str, *, place: str = "", next_step: str = "") -> None:
        self.file = file
        self.place = place
        self.cause = cause
        self.next_step = next_step
        where = f"{file}: {place}" if place else file
        super().__init__(f"{where}: {cause}" + (f"; {next_step}" if next_step else ""))

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.file, self.cause, self.place, self.next_step))


def _rebuild(kind: type[InputError], file: str, cause: str, place: str, next_step: str) -> InputError:
    return kind(file, cause, place=place, next_step=next_step)


class NotFound(InputError):
    """There is no such file, folder, table or column."""


class Refused(InputError):
    """Policy forbids to open it: a link that leaves its folder, a FIFO, a socket, a device, a pickle."""


class Unreadable(InputError):
    """It is damaged, truncated, encrypted, or not in the format it claims to be."""


class LimitExceeded(InputError):
    """Reading it would cost more time, memory, nesting or inflation than the limits allow."""


class ChangedWhileRead(InputError):
    """The file grew, shrank or was replaced while it was being read."""


class MissingExtra(AssaylineError):
    """An optional dependency is not installed.

    >>> print(MissingExtra("reading s3:// addresses", extra="objects", package="fsspec"))
    reading s3:// addresses needs the package 'fsspec': pip install 'assayline[objects]'
    """

    def __init__(self, what: str, *, extra: str, package: str) -> None:
        self.what, self.extra, self.package = what, extra, package
        super().__init__(f"{what} needs the package {package!r}: pip install 'assayline[{extra}]'")

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_extra, (self.what, self.extra, self.package))


def _rebuild_extra(what: str, extra: str, package: str) -> MissingExtra:
    return MissingExtra(what, extra=extra, package=package)


class PluginError(AssaylineError):
    """A plug-in could not be loaded, or offers something that breaks the protocol it claims."""


class MisuseError(AssaylineError):
    """The caller asked for something that makes no sense; the message says what would."""
