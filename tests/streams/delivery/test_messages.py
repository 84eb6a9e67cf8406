"""Texts, webhook bodies and e-mails: what, where, when, the numbers, the links; and what a real SMTP server gets."""

import asyncio
import email
import email.policy
import json
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import jsonschema
import msgspec
import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from standardwebhooks import Webhook, WebhookVerificationError

from infra.channel_secrets import (
    has_channel_secret,
    new_webhook_secret,
    read_channel_secret,
    write_channel_secret,
)
from infra.clock import DAY_MS, SystemClock
from infra.errors import UserError
from infra.events import Alert, MailChannel, PushChannel
from infra.links import VERDICTS, read
from infra.local.ports import free_port
from infra.schema import json_schema
from infra.settings import Settings
from streams.delivery.channels import Channels, check_channel, try_channel
from streams.delivery.mail import mail_of, send_mail
from streams.delivery.message import Composer, Message, alert_message, text_of, verdict_links
from streams.delivery.retries import Outcome
from streams.delivery.webhook import headers, payload
from tests.streams.delivery.helpers import (
    AT_MS,
    COMPOSER,
    OLD_SECRET,
    SECRET,
    SITE,
    alert,
    closed,
    listening,
    subscription,
)

ESTATE = SITE.estate.model_copy(update={"recorder_url": "https://nvr.lan/{camera}?t={s}"})
WITH_RECORDER = msgspec.structs.replace(COMPOSER, site=SITE.model_copy(update={"estate": ESTATE}))


def test_a_text_says_what_where_when_by_which_numbers_and_where_to_look() -> None:
    text = text_of(alert_message(alert()), subscription(), WITH_RECORDER)
    assert text.title == "【警告】新预警：超员（中心广场）"
    said = text.plain()
    for part in (
        "示范花园小区",
        "2026-09-21 22:13:20",
        "说明：约 160 人（95% 区间 149 至 172），容量 150 人",
        "https://nvr.lan/cam_plaza?t=1790000000",
    ):
        assert part in said
    english = text_of(alert_message(closed()), subscription(language="en"), WITH_RECORDER)
    assert english.title == "[warning] over: Over capacity (中心广场)"
    assert "since 2026-09-21 22:13:20, over 2026-09-21 22:13:22" in english.plain()
    assert "why: 中心广场: 160 of 150" in english.plain()


def test_each_verdict_has_a_link_of_the_subscribers_own_that_holds_a_week() -> None:
    links = verdict_links(alert(), "guard_room", COMPOSER)
    assert tuple(links) == VERDICTS
    for verdict, address in links.items():
        root, _, token = address.rpartition("/d/")
        assert root == "https://guard.example.com"
        link = read(token, COMPOSER.key, AT_MS + 6 * DAY_MS)
        assert (link.alert_id, link.zone_id, link.subscriber, link.verdict) == (
            alert().alert_id,
            "plaza",
            "guard_room",
            verdict,
        )
    assert verdict_links(alert(), "guard_room", Composer(SITE, "", COMPOSER.key)) == {}


def test_a_digest_is_told_by_rule_and_zone() -> None:
    states = [alert(n) for n in range(30)] + [alert(n, zone_id="pump_room", severity="critical") for n in range(30, 33)]
    text = text_of(Message("digest-1", "digest", tuple(states), AT_MS), subscription(), COMPOSER)
    assert text.title == "【汇总】33 条预警，其中紧急 3 条"
    assert text.lines[1:] == ["超员 · 中心广场: 30", "超员 · 水泵房: 3"]


def test_names_cannot_break_out_of_html_or_headers() -> None:
    words = "<script>alert(1)</script>\r\nBcc: x@y"
    nasty = alert(explanation=words, measured={}, zone_id="<b>\r\nBcc: all@example.com")
    mail = mail_of(alert_message(nasty), subscription(), MailChannel(to="a@b.c"), COMPOSER, "anfang@example.com")
    assert b"<script>" not in mail.get_body(("html",)).get_content().encode()  # type: ignore[union-attr]
    assert mail["Bcc"] is None
    assert "\n" not in mail["Subject"]


@pytest.mark.parametrize("state", [alert(), alert(0, 2, severity="critical"), closed()])
def test_a_webhook_body_carries_the_alert_as_its_schema_says(state: Alert) -> None:
    body = json.loads(payload(alert_message(state), subscription(), WITH_RECORDER))
    assert body["type"] == f"anfang.alert.{state.status}"
    jsonschema.validate(body["data"]["alert"], json_schema("alert"))
    assert msgspec.convert(body["data"]["alert"], Alert) == state
    assert body["data"]["where"] == "中心广场"
    assert body["data"]["recorder_url"].startswith("https://nvr.lan/")


def test_a_large_digest_stays_within_bounds_and_says_how_many_it_has() -> None:
    states = tuple(alert(n) for n in range(5000))
    body = payload(Message("d", "digest", states, AT_MS), subscription(), COMPOSER)
    content = json.loads(body)
    assert content["data"]["states_in_all"] == content["data"]["alerts"] == 5000
    assert len(content["data"]["states"]) == 1000
    assert len(body) < 400_000


def test_signatures_of_both_secrets_hold_while_receivers_change_over() -> None:
    now_ms, body = SystemClock().now_ms(), b'{"type":"x"}'
    signed = headers("id1", body, [SECRET, OLD_SECRET], now_ms)
    for secret in (SECRET, OLD_SECRET):
        Webhook(secret).verify(body, signed)
    for wrong in (body + b" ", b"{}"):
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(wrong, signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, signed | {"webhook-id": "id2"})
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, headers("id1", body, [SECRET], now_ms - 6 * 60_000))  # a replay


def test_secrets_are_private_rotate_and_know_no_path(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    first = new_webhook_secret(settings, "guard_room")
    second = new_webhook_secret(settings, "guard_room")
    third = new_webhook_secret(settings, "guard_room")
    assert read_channel_secret(settings, "guard_room") == [third, second]
    assert len({first, second, third}) == 3
    file = tmp_path / "secrets" / "channels" / "guard_room"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    for name in ("../link_key", "a/b", "", "UPPER", "."):
        with pytest.raises(UserError):
            read_channel_secret(settings, name)
    with pytest.raises(UserError, match="no channel secret"):
        read_channel_secret(settings, "nobody")
    assert not has_channel_secret(settings, "nobody")


class _Postbox:
    """What a real SMTP server took; `answer` is what it says to the next messages."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.answer = "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.answer.startswith("250"):
            mail = email.message_from_bytes(envelope.original_content or b"", policy=email.policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
        return self.answer


def _login(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"anfang", b"open sesame")
    return AuthResult(success=right, handled=False)


@pytest.fixture
def smtp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[_Postbox, Settings]]:
    """A server that wants STARTTLS and a login, with a certificate of an authority that we trust."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    postbox = _Postbox()
    server = Controller(
        postbox,
        hostname="127.0.0.1",
        port=free_port(set()),
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=_login,
    )
    server.start()
    settings = Settings(
        home=tmp_path / "home",
        smtp_host="127.0.0.1",
        smtp_port=server.port,
        smtp_user="anfang",
        smtp_from="anfang@example.com",
    )
    write_channel_secret(settings, "smtp_password", ["open sesame"])
    yield postbox, settings
    server.stop()


def _mail(settings: Settings) -> Outcome:
    mail = mail_of(
        alert_message(alert()), subscription(), MailChannel(to="g@example.com"), COMPOSER, settings.smtp_from
    )
    return send_mail(mail, settings, lambda name: read_channel_secret(settings, name))


def test_an_alert_by_mail_over_tls_with_a_login(smtp: tuple[_Postbox, Settings]) -> None:
    postbox, settings = smtp
    assert _mail(settings).kind == "delivered"
    assert _mail(settings).kind == "delivered"
    first, again = postbox.mails
    assert first["To"] == "g@example.com"
    assert first["Subject"] == "【警告】新预警：超员（中心广场）"
    assert first["Message-ID"] == again["Message-ID"] == f"<{alert().alert_id}.1.guard_room@example.com>"
    plain, page = first.get_body(("plain",)), first.get_body(("html",))
    assert plain is not None
    assert page is not None
    assert "约 160 人" in plain.get_content()
    assert page.get_content().count("https://guard.example.com/d/") == len(VERDICTS)


@pytest.mark.parametrize("answer", ["451 try later", "550 no such mailbox", "554 spam"])
def test_what_the_server_does_not_take_is_a_failure(smtp: tuple[_Postbox, Settings], answer: str) -> None:
    postbox, settings = smtp
    postbox.answer = answer
    outcome = _mail(settings)
    assert outcome.kind == "failed"
    assert answer[:3] in outcome.problem


def test_a_wrong_password_or_a_foreign_certificate_is_a_failure_that_shows_no_secret(
    smtp: tuple[_Postbox, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    postbox, settings = smtp
    write_channel_secret(settings, "smtp_password", ["hunter2"])
    outcome = _mail(settings)
    assert (outcome.kind, "hunter2" in outcome.problem) == ("failed", False)
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "ertificate" in _mail(settings).problem
    assert postbox.mails == []


def test_mail_without_a_server_says_what_to_set(tmp_path: Path) -> None:
    for settings in (
        Settings(home=tmp_path),
        Settings(home=tmp_path, smtp_host="h", smtp_from="a@b", smtp_user="u", smtp_security="none"),
        Settings(home=tmp_path, smtp_host="h", smtp_from="a@b", smtp_user="u"),
    ):
        with pytest.raises(UserError):
            check_channel(settings, subscription(channel=MailChannel(to="a@b.c")))


class _Messenger(BaseHTTPRequestHandler):
    """A messenger's server that takes every POST."""

    said: list[str] = []  # noqa: RUF012 the class is the server's

    def do_POST(self) -> None:
        """Take it."""
        self.said.append(self.rfile.read(int(self.headers["content-length"])).decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_messenger_is_reached_by_apprise_and_a_failure_shows_no_address(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Messenger)
    Thread(target=server.serve_forever, daemon=True).start()
    settings = Settings(home=tmp_path)
    write_channel_secret(settings, "ops", [f"json://user:s3cret@127.0.0.1:{server.server_port}/topic"])
    who = subscription("ops", channel=PushChannel(secret="ops"))

    async def send() -> Outcome:
        channels = Channels(settings, SITE, SystemClock())
        outcome = await channels.send(alert_message(alert()), who)
        await channels.close()
        return outcome

    assert asyncio.run(send()).kind == "delivered"
    assert "超员" in json.loads(_Messenger.said[0])["title"]
    server.shutdown()
    server.server_close()
    outcome = asyncio.run(send())
    assert outcome.kind == "failed"
    assert "s3cret" not in outcome.problem + caplog.text
    write_channel_secret(settings, "ops", ["no address"])
    assert asyncio.run(send()).kind == "failed"


def test_a_defect_in_one_channel_is_a_failure_of_that_one(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, webhook_hosts="127.0.0.1")
    write_channel_secret(settings, "guard_room", ["whsec_this is no base64 at all!"])

    async def story() -> Outcome:
        channels = Channels(settings, SITE, SystemClock())
        outcome = await channels.send(alert_message(alert()), subscription())
        await channels.close()
        return outcome

    outcome = asyncio.run(story())
    assert (outcome.kind, "whsec" in outcome.problem) == ("failed", False)


def test_a_test_message_goes_the_way_of_alerts(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, webhook_hosts="127.0.0.1")
    write_channel_secret(settings, "guard_room", [SECRET])

    async def story() -> None:
        async with listening() as receiver:
            who = subscription(url=receiver.url)
            assert (await try_channel(settings, SITE, who, SystemClock())).kind == "delivered"
            assert receiver.got[0][1] == "anfang.test"
        assert (await try_channel(settings, SITE, subscription("other", receiver.url), SystemClock())).kind == "failed"

    asyncio.run(story())
