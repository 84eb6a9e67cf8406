"""What is sent: one alert state, a digest of many, the canary, or a test; and its texts, Chinese or English. Pure."""

import html
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final, Literal

from msgspec import Struct

from infra.alert_sentences import explained
from infra.alert_words import RULES, SEVERITIES, STATUSES, VERDICTS, Language, word
from infra.clock import DAY_MS
from infra.events import Alert, Subscription, camera_of
from infra.links import VERDICTS as LINK_VERDICTS
from infra.links import VerdictLink, sign
from infra.site import Site
from streams.delivery.storms import tally

LINK_DAYS: Final = 7
SHOWN_ROWS: Final = 20


class Message(Struct, frozen=True):
    """One message to one subscriber. `message_id` is the same at every try; `at_ms` is when what it tells was (UTC)."""

    message_id: str
    kind: Literal["alert", "digest", "canary", "test"]
    alerts: tuple[Alert, ...]
    at_ms: int


class Composer(Struct, frozen=True):
    """What texts are made from: the site, where people reach the web page (empty: no one-tap links), the links' key."""

    site: Site
    web_url: str
    key: bytes


class Text(Struct, frozen=True):
    """A message for people. `links` are (label, address); those of `verdicts` record a verdict."""

    title: str
    lines: list[str]
    links: list[tuple[str, str]]
    verdicts: dict[str, str]

    def plain(self) -> str:
        """As plain text, addresses behind their labels."""
        return "\n".join([*self.lines, *(f"{label}: {address}" for label, address in self.links)])

    def html(self) -> str:
        """As HTML that mail programs show: no scripts, styles inline."""
        said = "".join(f"<p>{html.escape(line)}</p>" for line in self.lines)
        style = "display:inline-block;padding:8px 12px;margin:4px;border:1px solid #888;border-radius:4px"
        tapped = "".join(
            f'<a href="{html.escape(address)}" style="{style}">{html.escape(label)}</a> '
            for label, address in self.links
        )
        return f"<html><body><h3>{html.escape(self.title)}</h3>{said}<p>{tapped}</p></body></html>"


def alert_message(alert: Alert) -> Message:
    """One alert state as a message; its id is the alert's and its revision."""
    return Message(f"{alert.alert_id}.{alert.revision}", "alert", (alert,), alert.updated_ms)


def text_of(message: Message, subscription: Subscription, composer: Composer) -> Text:
    """The message for the subscriber, in their language, times as the estate's clocks show them."""
    match message.kind:
        case "alert":
            return _alert_text(message.alerts[0], subscription, composer)
        case "digest":
            return _digest_text(message.alerts, subscription.language, composer.site)
        case "canary":
            return _quiet_text("canary", message.at_ms, subscription.language, composer.site)
        case "test":
            return _quiet_text("test", message.at_ms, subscription.language, composer.site)


def verdict_links(alert: Alert, subscription_id: str, composer: Composer) -> dict[str, str]:
    """For each verdict the signed address that records it, for a week from that state; none without `web_url`."""
    if not composer.web_url:
        return {}
    root, expires_ms = composer.web_url.rstrip("/"), alert.updated_ms + LINK_DAYS * DAY_MS
    said = partial(VerdictLink, alert.alert_id, alert.zone_id, subscription_id)
    return {
        verdict: f"{root}/d/" + sign(said(verdict, expires_ms, alert.estate_id), composer.key)
        for verdict in LINK_VERDICTS
    }


def recorder_of(alert: Alert, site: Site) -> str | None:
    """Where to see what happened: the recording of the first camera that bears it out, when the alert opened."""
    cameras = [alert.subject_id, *map(camera_of, alert.evidence)]
    links = (site.recorder_link(camera, alert.opened_ms) for camera in cameras)
    return next((link for link in links if link is not None), None)


def alert_words(alert: Alert, language: Language, site: Site) -> tuple[str, list[str]]:
    """Title and lines of an alert state: the same for all who read that language."""
    zh = language == "zh"
    rule, where = word(RULES, alert.rule, language), where_of(alert, site)
    severity, status = word(SEVERITIES, alert.severity, language), word(STATUSES, alert.status, language)
    opened = _local(alert.opened_ms, site)
    spent = "" if alert.closed_ms is None else _local(alert.closed_ms, site)
    if zh:
        lines = [f"{site.estate.name} · {where}", f"开始：{opened}" + (f"　结束：{spent}" if spent else "")]
        lines += [f"说明：{explained(alert, language)}"]
    else:
        lines = [f"{site.estate.name} · {where}", f"since {opened}" + (f", over {spent}" if spent else "")]
        lines += [f"why: {explained(alert, language)}"]
    title = f"【{severity}】{status}：{rule}（{where}）" if zh else f"[{severity}] {status}: {rule} ({where})"
    return title, lines


def _alert_text(alert: Alert, subscription: Subscription, composer: Composer) -> Text:
    language, site = subscription.language, composer.site
    title, lines = alert_words(alert, language, site)
    verdicts = verdict_links(alert, subscription.subscription_id, composer)
    recording = recorder_of(alert, site)
    links = [("查看录像" if language == "zh" else "Recording", recording)] if recording else []
    links += [(word(VERDICTS, verdict, language), address) for verdict, address in verdicts.items()]
    return Text(title, lines, links, verdicts)


def _digest_text(alerts: Sequence[Alert], language: Language, site: Site) -> Text:
    counted = tally(alerts)
    first, last = _local(counted.first_ms, site), _local(counted.last_ms, site)
    rows = [
        f"{word(RULES, rule, language)} · {_zone_name(zone_id, site)}: {number}"
        for rule, zone_id, number in counted.by_rule_and_zone[:SHOWN_ROWS]
    ]
    more = counted.alerts - sum(number for *_, number in counted.by_rule_and_zone[:SHOWN_ROWS])
    if language == "zh":
        title = f"【汇总】{counted.alerts} 条预警，其中紧急 {counted.critical} 条"
        lines = [f"{site.estate.name}：{first} 至 {last}", *rows, *([f"其余 {more} 条"] if more else [])]
    else:
        title = f"[digest] {counted.alerts} alerts, {counted.critical} of them critical"
        lines = [f"{site.estate.name}: {first} to {last}", *rows, *([f"and {more} more"] if more else [])]
    return Text(title, lines, [], {})


def _quiet_text(kind: Literal["canary", "test"], at_ms: int, language: Language, site: Site) -> Text:
    at = _local(at_ms, site)
    words = {
        ("canary", "zh"): ("【自检】预警送达正常", "每小时一次的自检消息，无需处理。"),
        ("canary", "en"): ("[canary] alert delivery works", "The hourly test message; nothing to do."),
        ("test", "zh"): ("【测试】预警订阅", "这是一条测试消息，无需处理。"),
        ("test", "en"): ("[test] alert subscription", "This is a test message; nothing to do."),
    }
    title, line = words[kind, language]
    return Text(title, [f"{site.estate.name} · {at}", line], [], {})


def where_of(alert: Alert, site: Site) -> str:
    """The place in the site file's names: the zone, and the line's or camera's where the alert is about one."""
    zone, subject = _zone_name(alert.zone_id, site), alert.subject_id
    if subject in site.camera:
        return f"{zone} · {site.camera[subject].name}"
    if subject in site.line:
        gates = site.gates_at.get(subject)
        return f"{zone} · {gates[0].name if gates else subject}"
    return zone


def _zone_name(zone_id: str, site: Site) -> str:
    return site.zone[zone_id].name if zone_id in site.zone else zone_id


def _local(at_ms: int, site: Site) -> str:
    return datetime.fromtimestamp(at_ms / 1000, site.tz).strftime("%Y-%m-%d %H:%M:%S")
