"""The e-mail channel: one message by SMTP, plain text and HTML. Blocking: runs in a thread."""

import smtplib
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from infra.channel_secrets import SMTP_PASSWORD
from infra.events import MailChannel, Subscription
from infra.settings import Settings
from infra.subscribing import check_mail_settings
from streams.delivery.message import Composer, Message, text_of
from streams.delivery.retries import DELIVERED, Outcome

TIMEOUT_S: Final = 20.0
Secrets = Callable[[str], Sequence[str]]


def mail_of(
    message: Message, subscription: Subscription, channel: MailChannel, composer: Composer, sender: str
) -> EmailMessage:
    """The e-mail; its Message-ID is the message's id and the subscription, the same at every try."""
    text = text_of(message, subscription, composer)
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = channel.to
    mail["Subject"] = " ".join(text.title.split())
    mail["Date"] = format_datetime(datetime.fromtimestamp(message.at_ms // 1000, UTC))
    mail["Message-ID"] = f"<{message.message_id}.{subscription.subscription_id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text.plain())
    mail.add_alternative(text.html(), subtype="html")
    return mail


def send_mail(mail: EmailMessage, settings: Settings, secrets: Secrets) -> Outcome:
    """One try. Raises UserError when the settings are wrong or the password is missing."""
    check_mail_settings(settings)
    password = secrets(SMTP_PASSWORD)[0] if settings.smtp_user else ""
    try:
        with _connected(settings) as server:
            if settings.smtp_security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if settings.smtp_user:
                server.login(settings.smtp_user, password)
            server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        codes = ", ".join(str(code) for code, _ in error.recipients.values())
        return Outcome("failed", f"the mail server refused the recipient ({codes})")
    except smtplib.SMTPAuthenticationError:
        return Outcome("failed", "the mail server refused user and password")
    except (smtplib.SMTPException, OSError) as error:
        return Outcome("failed", f"{type(error).__name__}: {error}")
    return DELIVERED


def _connected(settings: Settings) -> smtplib.SMTP:
    address = settings.smtp_host, settings.smtp_port
    if settings.smtp_security == "tls":
        return smtplib.SMTP_SSL(*address, timeout=TIMEOUT_S, context=ssl.create_default_context())
    return smtplib.SMTP(*address, timeout=TIMEOUT_S)
