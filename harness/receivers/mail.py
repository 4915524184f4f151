"""A mail server that insists on authentication and keeps what it takes, as a mail provider's relay does."""

import asyncio
import hmac
from collections.abc import Sequence
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as default_policy
from typing import cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from .behaviour import Behaviours
from .received import Answer, Store
from .settings import Settings

LARGEST = 20 * 1024 * 1024
REQUIRED_HEADERS = ("From", "To", "Subject", "Date")


def problems_of(message: EmailMessage, recipients: Sequence[str]) -> list[str]:
    """Return what a relay or a mail client would hold against *message*."""
    missing = [f"the header {name} is missing" for name in REQUIRED_HEADERS if not message.get(name)]
    shown = str(message.get("To", ""))
    return missing + [
        f"the recipient {r} is not in To: {shown}" for r in recipients if shown and r not in shown
    ]


def _text(message: EmailMessage, *kinds: str) -> str:
    part = message.get_body(preferencelist=kinds)
    return cast(str, part.get_content()) if part else ""


class Recorder:
    """The aiosmtpd handler: one record for each message, sent or refused."""

    def __init__(self, store: Store, behaviours: Behaviours) -> None:
        self._store = store
        self._behaviours = behaviours

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Record the message and answer as SMTP does; the behaviour switch may turn it away for now."""
        message = message_from_bytes(envelope.original_content or b"", policy=default_policy)
        recipients = list(envelope.rcpt_tos)
        refused = await self._behaviours.status_for("smtp")
        status = refused or 250
        problems = tuple(problems_of(message, recipients))
        if problems and not refused:
            status = 550
        answer = Answer(status=status, body="", problems=problems, facts={"channel": ",".join(recipients)})
        body = {
            "from": envelope.mail_from,
            "to": recipients,
            "subject": str(message["Subject"]),
            "text": _text(message, "plain", "html"),
            "html": _text(message, "html"),
        }
        self._store.add("smtp", answer, body, {k: str(v) for k, v in message.items()})
        if status == 250:
            return "250 2.0.0 OK: recorded"
        return f"{status} " + ("; ".join(problems) or "refused by the behaviour switch")


class AuthenticatedSMTP(SMTP):
    """aiosmtpd's protocol, told its settings once. It asks as mail providers ask: some clients insist."""

    AuthLoginUsernameChallenge = "Username:"
    AuthLoginPasswordChallenge = "Password:"

    def __init__(self, settings: Settings, handler: Recorder) -> None:
        self._settings = settings
        super().__init__(
            handler,
            hostname="receivers",
            data_size_limit=LARGEST,
            auth_required=True,
            auth_require_tls=False,
            authenticator=self._check,
        )

    def _check(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        """Compare both halves in constant time; the peer learns only that the pair is wrong."""
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        user = hmac.compare_digest(data.login, self._settings.smtp_username.encode())
        password = hmac.compare_digest(data.password, self._settings.smtp_password.encode())
        return AuthResult(success=user and password, handled=False)


async def listen(settings: Settings, store: Store, behaviours: Behaviours) -> asyncio.Server:
    """Serve SMTP on the settings' port inside the running event loop."""
    recorder = Recorder(store, behaviours)
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: AuthenticatedSMTP(settings, recorder), settings.address, settings.smtp_port
    )
