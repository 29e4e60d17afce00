"""Hands one notice to the mail server."""

from __future__ import annotations

import smtplib
import socket
import ssl

from ..errors import DeliveryError
from ..tables.dialling import Deadline, dial, reason, trusting
from ..tables.secret_references import resolved
from .channels import CA_FILE, Channel, MailServer, Settings, mail_server_of
from .message import Notice
from .rendering import mail

_CHECK = "check [mail] server in assay.toml"


class _Conversation(smtplib.SMTP):
    """SMTP over a connection that was dialled and is watched by us."""

    def __init__(self, line: socket.socket, host: str) -> None:
        self._line = line
        super().__init__(host, 1, local_hostname="localhost", timeout=line.gettimeout() or 10)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._line


def post(channel: Channel, notice: Notice, settings: Settings, timeout_seconds: float) -> None:
    """Hands the notice in; returns once the server has answered that it took it.

    Raises:
        DeliveryError: it did not.
    """
    if not settings.mail_server:
        raise DeliveryError(
            channel.name, "there is no mail server", unreachable=True, next_step='write server = "smtp://host:587" under [mail] in assay.toml'
        )
    server = mail_server_of(settings.mail_server)
    password = resolved(server.password, channel.name) if server.password else ""
    context = trusting(channel.name, settings.ca_file, where=CA_FILE) if server.tls != "off" else None
    letter = mail(notice, sender=server.sender, recipient=channel.target).as_bytes()
    with Deadline(timeout_seconds) as deadline:
        try:
            # The operator named this server; unlike the webhooks of users it may be anywhere.
            line = dial(channel.name, server.host, server.port, deadline, private=True)
            try:
                _hand_in(line, server, password, context, channel.target, letter)
            finally:
                line.close()
        except DeliveryError:
            raise
        except smtplib.SMTPException as error:
            raise _refusal(channel.name, error, late=deadline.passed, seconds=timeout_seconds) from None
        except (OSError, ValueError) as error:
            late = deadline.passed or isinstance(error, TimeoutError)
            broke = f"the connection to the mail server broke ({reason(error) if isinstance(error, OSError) else type(error).__name__})"
            cause = f"the mail server did not answer within {timeout_seconds:g} seconds" if late else broke
            raise DeliveryError(channel.name, cause, unreachable=True, next_step=_CHECK) from None


def _hand_in(line: socket.socket, server: MailServer, password: str, context: ssl.SSLContext | None, to: str, letter: bytes) -> None:
    if context is not None and server.tls == "direct":
        line = context.wrap_socket(line, server_hostname=server.host)
    talk = _Conversation(line, server.host)
    try:
        if context is not None and server.tls == "starttls":
            talk.starttls(context=context)
        if server.user and password:
            talk.login(server.user, password)
        talk.sendmail(server.sender, [to], letter)
    finally:
        # No QUIT: whatever happens after the answer to DATA, the letter was taken.
        talk.close()


def _refusal(name: str, error: smtplib.SMTPException, *, late: bool, seconds: float) -> DeliveryError:
    """What the server's answer means. Its text is foreign and may repeat what we sent, hence only its number is shown."""
    if late:
        return DeliveryError(name, f"the mail server did not answer within {seconds:g} seconds", unreachable=True, next_step=_CHECK)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = max(code for code, _ in error.recipients.values())
        again = "it will be tried again" if code < 500 else "check the address"
        return DeliveryError(name, f"the mail server refused the recipient ({code})", permanent=code >= 500, next_step=again)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        # The operator's to mend, and then the message still goes out.
        return DeliveryError(name, f"the mail server refused user and password ({error.smtp_code})", unreachable=True, next_step=_CHECK)
    if isinstance(error, smtplib.SMTPDataError):
        again = "it will be tried again" if error.smtp_code < 500 else "ask who runs the mail server"
        return DeliveryError(name, f"the mail server refused the message ({error.smtp_code})", permanent=error.smtp_code >= 500, next_step=again)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        step = "use a port that offers STARTTLS, smtps://, or starttls=off inside your own network"
        return DeliveryError(name, "the mail server offers no TLS or no login", unreachable=True, next_step=step)
    if isinstance(error, smtplib.SMTPResponseException):
        return DeliveryError(name, f"the mail server refused ({error.smtp_code})", unreachable=True, next_step=_CHECK)
    return DeliveryError(name, f"the mail server hung up ({type(error).__name__})", unreachable=True, next_step="it will be tried again")
