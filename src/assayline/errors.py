"""Every error Assayline raises, and the sentence each of them owes its reader.

    AssaylineError
    ├── InputError            the input could not be read (exit code 2)
    │   ├── NotFound          there is nothing there
    │   ├── Refused           policy: a link out of the folder, a FIFO, a device, a pickle
    │   │   └── UnsafeArtefact  a model file that runs code when it is loaded
    │   ├── Unreadable        damaged, truncated, encrypted, or not the format it claims
    │   ├── LimitExceeded     time, memory, decompression ratio, nesting or size
    │   └── ChangedWhileRead  the file grew or was replaced under the reader
    ├── LedgerError           the record could not be read or written
    │   ├── LedgerTooNew      it was written by a later version; nothing was touched
    │   ├── Fenced            another process took over the work meanwhile
    │   └── Damaged           what is stored is not what was written
    ├── LotHeld               the gate holds the lot; its rows are in the store
    ├── MissingExtra          an optional dependency is not installed
    ├── DeliveryError         a message did not reach its receiver
    ├── TargetError           a target of a flow could not take a lot
    ├── PluginError           a plug-in could not be loaded or offers something malformed
    └── MisuseError           the caller asked for something that makes no sense
        └── RuleError         a rule that cannot be read, or that this table cannot answer

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


class UnsafeArtefact(Refused):
    """A model file that runs code when it is loaded, or names types that nobody allowed; nothing of it was run."""


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


class DeliveryError(AssaylineError):
    """A message did not reach its receiver.

    Args:
        channel: where it should have gone, without any secret.
        cause: what happened, in one clause.
        permanent: the receiver, or our policy, will never take this message; trying again is pointless.
        next_step: what the user can do about it.
        retry_after_seconds: how long the receiver asked us to wait, or None.
        unreachable: the trouble is with the channel and not with this message, so that others need not be tried now.

    >>> print(DeliveryError("mailto:ops@example.com", "the mail server does not answer", next_step="check [mail] server"))
    mailto:ops@example.com: the mail server does not answer; check [mail] server
    """

    def __init__(
        self, channel: str, cause: str, *, permanent: bool = False, next_step: str = "",
        retry_after_seconds: float | None = None, unreachable: bool = False,
    ) -> None:  # fmt: skip
        self.channel, self.cause, self.permanent, self.next_step = channel, cause, permanent, next_step
        self.retry_after_seconds, self.unreachable = retry_after_seconds, unreachable
        super().__init__(f"{channel}: {cause}" + (f"; {next_step}" if next_step else ""))

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_delivery, (self.channel, self.cause, self.permanent, self.next_step, self.retry_after_seconds, self.unreachable))


def _rebuild_delivery(
    channel: str, cause: str, permanent: bool, next_step: str, retry_after_seconds: float | None, unreachable: bool
) -> DeliveryError:
    return DeliveryError(
        channel, cause, permanent=permanent, next_step=next_step, retry_after_seconds=retry_after_seconds, unreachable=unreachable
    )


class TargetError(AssaylineError):
    """A target of a flow could not take a lot; it is as it was, and the next push tries again.

    Args:
        target: its address.
        cause: what happened, in one clause.
        next_step: what the user can do about it.

    >>> print(TargetError("/srv/shared", "there is no such folder", next_step="make it, or mount what it is on"))
    /srv/shared: there is no such folder; make it, or mount what it is on
    """

    def __init__(self, target: str, cause: str, *, next_step: str) -> None:
        self.target, self.cause, self.next_step = target, cause, next_step
        super().__init__(f"{target}: {cause}; {next_step}")

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_target, (self.target, self.cause, self.next_step))


def _rebuild_target(target: str, cause: str, next_step: str) -> TargetError:
    return TargetError(target, cause, next_step=next_step)


class PluginError(AssaylineError):
    """A plug-in could not be loaded, or offers something that breaks the protocol it claims."""


class MisuseError(AssaylineError):
    """The caller asked for something that makes no sense; the message says what would."""


class LedgerError(AssaylineError):
    """The ledger or its store could not be read or written; the message names it and says what to do."""


class LedgerTooNew(LedgerError):
    """A later version of this package wrote the ledger; nothing was touched."""


class Fenced(LedgerError):
    """Another process took over this flow while this one was away; what this one had prepared is dropped, nothing is lost."""


class Damaged(LedgerError):
    """Bytes of the ledger or its store are not those that were written."""


class LotHeld(AssaylineError):
    """The gate holds a lot that a pipeline waits for.

    Args:
        flow: name of the flow.
        lot: its number in the ledger.
        sentence: why, in one sentence.
        document: the outcome as `assay gate --json` prints it.
    """

    def __init__(self, flow: str, lot: int, sentence: str, document: dict[str, object] | None = None) -> None:
        self.flow, self.lot, self.sentence, self.document = flow, lot, sentence, document or {}
        super().__init__(f"lot {lot} of {flow} is held: {sentence} Look at it with: assay lot {lot}")

    def __reduce__(self) -> tuple[object, ...]:
        return (LotHeld, (self.flow, self.lot, self.sentence, self.document))


class RuleError(MisuseError):
    """A rule that cannot be read, or that reads what the table does not have.

    Args:
        text: the rule.
        position: 0-based number of the character at which it goes wrong.
        cause: what is wrong, in one clause.
        next_step: what would be right, or "".

    >>> error = RuleError("amont >= 0", 0, "there is no column 'amont'", next_step="did you mean 'amount'?")
    >>> print(error)
    column 1: there is no column 'amont'; did you mean 'amount'?
    >>> print(error.pointed())
    amont >= 0
    ^
    """

    def __init__(self, text: str, position: int, cause: str, *, next_step: str = "") -> None:
        self.text, self.position, self.cause, self.next_step = text, position, cause, next_step
        super().__init__(f"column {position + 1}: {cause}" + (f"; {next_step}" if next_step else ""))

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_rule, (self.text, self.position, self.cause, self.next_step))

    def pointed(self) -> str:
        """The line of the rule that goes wrong, at most 80 characters of it, with a caret under the place."""
        begin = self.text.rfind("\n", 0, self.position) + 1
        line = self.text[begin:].split("\n", 1)[0]
        cut = max(0, self.position - begin - 40)
        shown = "".join(letter if letter.isprintable() else " " for letter in line[cut : cut + 80])
        return f"{shown}\n{' ' * (self.position - begin - cut)}^"


def _rebuild_rule(text: str, position: int, cause: str, next_step: str) -> RuleError:
    return RuleError(text, position, cause, next_step=next_step)
