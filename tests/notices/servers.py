"""Real servers on the loopback address: one takes mail, one takes posts, and both can misbehave as real ones do."""

from __future__ import annotations

import base64
import http.server
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

CERTIFICATE = Path(__file__).parent / "localhost.pem"  # for `localhost`, signed by itself, made for these tests alone


def as_mail(letter: bytes) -> EmailMessage:
    read = message_from_bytes(letter, policy=default)
    assert isinstance(read, EmailMessage)
    return read


@dataclass
class Mailbox:
    """What a mail server was told, and how it behaves: `refuse` maps a command to its answer; "hang" answers nothing more."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    offers_tls: bool = False
    direct_tls: bool = False


@dataclass(frozen=True)
class Post:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Hook:
    """What a web server was sent, and what it answers: a status, or "hang", "drip", "close" (at once), "half" (of its answer), "noise"."""

    port: int = 0
    posts: list[Post] = field(default_factory=list)
    answer: int | str = 200
    headers: dict[str, str] = field(default_factory=dict)
    tls: bool = False

    def url(self, path: str = "/in") -> str:
        return f"{'https://localhost' if self.tls else 'http://127.0.0.1'}:{self.port}{path}"


class Quietly(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what is tested."""


def tls(line: socket.socket) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context.wrap_socket(line, server_side=True)


@contextmanager
def mail_server(**behaviour: Any) -> Iterator[Mailbox]:
    box = Mailbox(**behaviour)

    class Talk(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with ExitStack() as closing:
                self.talk(closing)

        def talk(self, closing: ExitStack) -> None:
            line = closing.enter_context(tls(self.request)) if box.direct_tls else self.request
            file = closing.enter_context(line.makefile("rwb"))

            def say(text: str) -> None:
                file.write(text.encode() + b"\r\n")
                file.flush()

            say("220 ready")
            while heard := file.readline().decode().rstrip("\r\n"):
                command = heard[:4].upper()
                answer = box.refuse.get(command)
                if answer == "hang":
                    time.sleep(30)
                elif answer == "close":
                    return
                elif answer:
                    say(answer)
                elif command == "EHLO":
                    say("250-here\r\n250-AUTH PLAIN" + ("\r\n250 STARTTLS" if box.offers_tls else "\r\n250 SIZE"))
                elif command == "STAR":
                    say("220 go ahead")
                    line = closing.enter_context(tls(line))
                    file = closing.enter_context(line.makefile("rwb"))
                elif command == "AUTH":
                    box.logins.append(base64.b64decode(heard.split()[2]).decode().replace("\0", " ").strip())
                    say("235 welcome")
                elif command == "DATA":
                    say("354 go ahead")
                    letter = b""
                    while (text := file.readline()) != b".\r\n":
                        letter += text[1:] if text.startswith(b"..") else text
                    if box.refuse.get("DONE") == "hang":
                        time.sleep(30)
                    if "DONE" not in box.refuse:
                        box.letters.append(as_mail(letter))
                    say(box.refuse.get("DONE", "250 taken"))
                else:
                    if command == "MAIL":
                        box.senders.append(heard)
                    if command == "RCPT":
                        box.recipients.append(heard)
                    say("250 fine")

    with Quietly(("127.0.0.1", 0), Talk) as server:
        box.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield box
        server.shutdown()


@contextmanager
def web_server(**behaviour: Any) -> Iterator[Hook]:
    hook = Hook(**behaviour)

    class Talk(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            hook.posts.append(Post(self.path, dict(self.headers), self.rfile.read(length)))
            if hook.answer == "hang":
                time.sleep(30)
            elif hook.answer == "drip":
                for letter in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 300:
                    self.wfile.write(bytes([letter]))
                    time.sleep(0.1)
            elif hook.answer == "half":
                self.wfile.write(b"HTTP/1.1 20")
            elif hook.answer == "noise":
                self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
            elif isinstance(hook.answer, int):
                self.send_response(hook.answer)
                for name, value in hook.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()
            self.close_connection = True

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing on stderr."""

    class Server(Quietly):
        def get_request(self) -> tuple[socket.socket, Any]:
            line, address = super().get_request()
            return (tls(line) if hook.tls else line), address

    with Server(("127.0.0.1", 0), Talk) as server:
        hook.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield hook
        server.shutdown()
