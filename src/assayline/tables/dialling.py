"""A connection to a checked address, that cannot outlive its deadline.

A name is resolved once; every address it has is checked, and one of the checked ones is connected to. So a name that is
public when asked and private when dialled gains nothing.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
import time
from types import TracebackType

from ..errors import DeliveryError

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Deadline:
    """Ends a conversation that takes too long, however lively the other side drips bytes.

    Time-outs of sockets bound each wait and not their sum; at the deadline the connection is shut down from a second thread.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.passed = False
        self._end = time.monotonic() + seconds
        self._timer: threading.Timer | None = None
        self._line: socket.socket | None = None

    def __enter__(self) -> Deadline:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
        if self._line is not None:
            self._line.close()

    def left(self) -> float:
        """Seconds until the end; a little more than nothing when it has passed, for a time-out of 0 means "do not wait" to sockets."""
        return max(self._end - time.monotonic(), 0.001)

    def watch(self, line: socket.socket) -> None:
        """Shuts this connection down at the deadline."""
        # A duplicate, because TLS takes the socket over under another object; shutting down one shuts down both.
        self._line = line.dup()
        self._timer = threading.Timer(self.left(), self._shut)
        self._timer.daemon = True
        self._timer.start()

    def _shut(self) -> None:
        self.passed = True
        if self._line is not None:
            try:
                self._line.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # the other side was faster


def dial(channel: str, host: str, port: int, deadline: Deadline, *, private: bool = False, public: bool = True, if_meant: str = "") -> socket.socket:
    """A connection to the host, watched by the deadline.

    Args:
        channel: who wants it, for errors.
        private: whether addresses that are not public may be connected to.
        public: whether public ones may.
        if_meant: what somebody does who wants private addresses to be connected to.

    Raises:
        DeliveryError: the name does not resolve, policy forbids one of its addresses, or nobody answers in time.
    """
    addresses = _resolved(channel, host, port, deadline)
    for _, address in addresses:
        known = is_public(str(address[0]))
        if not known and not private:
            raise DeliveryError(
                channel, f"{host} is at {address[0]}, which is no public address", permanent=True,
                next_step=f"if that is meant, {if_meant}" if if_meant else "",
            )  # fmt: skip
        if known and not public:
            raise DeliveryError(channel, f"{host} is public, and http is readable on the way", permanent=True, next_step="write https://")
    problem = ""
    for place, (family, address) in enumerate(addresses):
        line = socket.socket(family, socket.SOCK_STREAM)
        # A share each: a host whose first address is dead (IPv6 without a route, often) is reached by its next one.
        line.settimeout(deadline.left() / (len(addresses) - place))
        try:
            line.connect(address)
        except OSError as error:
            line.close()
            problem = "does not answer in time" if isinstance(error, TimeoutError) else f"cannot be reached ({reason(error)})"
            continue
        # Later than the deadline, so that it is the watch that ends a conversation and knows that it did.
        line.settimeout(deadline.left() + 1)
        deadline.watch(line)
        return line
    raise DeliveryError(channel, f"{host} port {port} {problem}", unreachable=True, next_step="it will be tried again")


def is_public(address: str) -> bool:
    """Whether an address belongs to the public network, also when it is wrapped into another.

    >>> [is_public(one) for one in ("203.0.114.1", "10.1.2.3", "169.254.169.254", "::ffff:127.0.0.1", "64:ff9b::7f00:1")]
    [True, False, False, False, False]
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def reason(error: OSError) -> str:
    """What a failed connection says of itself, in one clause."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or 'no reason given'}"
    return error.strerror or type(error).__name__


def trusting(channel: str, ca_file: str, *, where: str = "ca_file") -> ssl.SSLContext:
    """TLS that verifies name and certificate, by the system's authorities and those of the file.

    Args:
        channel: who wants it, for errors.
        ca_file: a PEM file, or "".
        where: what the setting is called that names the file, for errors.

    Raises:
        DeliveryError: the file cannot be read or holds no certificate.
    """
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:
            raise DeliveryError(
                channel, f"the authorities in {ca_file!r} cannot be used ({reason(error)})", unreachable=True, next_step=f"give a PEM file as {where}"
            ) from None
    return context


_Address = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


def _resolved(channel: str, host: str, port: int, deadline: Deadline) -> list[_Address]:
    answers: queue.SimpleQueue[list[_Address] | None] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        except (OSError, UnicodeError):
            answers.put(None)
        else:
            answers.put([(family, address) for family, _, _, _, address in found])

    # The resolver knows no time-out, so it is asked in a thread that is left behind when it takes too long.
    threading.Thread(target=ask, daemon=True).start()
    try:
        found = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise DeliveryError(channel, f"the name {host} is not resolved in time", unreachable=True, next_step="it will be tried again") from None
    if not found:
        raise DeliveryError(channel, f"there is no host {host}", unreachable=True, next_step="check its name, and the name server")
    return found
