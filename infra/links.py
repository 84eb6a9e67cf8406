"""Signed one-tap links: what a person says of an alert by opening an address that was sent to them alone.

A token carries the alert, its zone, the subscription that it was sent to, the verdict and when it expires, signed with
HMAC-SHA256: nobody can change a part of it, or make one, without the key. Whoever holds the address can use it, as with
any link in a message. The page at `/d/{token}` shows what would be recorded and records it only when confirmed, for
mail scanners open every link.
"""

import base64
import binascii
import hmac
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from infra.events import SCHEMA_VERSION, Disposition, Identifier, TimeMs, derived_id
from infra.settings import Settings

LinkVerdict = Literal["acknowledged", "true", "false", "benign", "unsure"]
VERDICTS: Final[tuple[LinkVerdict, ...]] = ("acknowledged", "true", "false", "benign", "unsure")
MAX_TOKEN_CHARACTERS: Final = 1024
KEY_NAME: Final = "link_key"


class LinkError(Exception):
    """The token says nothing that we have signed, or is no longer valid (`expired`)."""

    def __init__(self, problem: str, *, expired: bool = False) -> None:
        super().__init__(problem)
        self.expired = expired


class VerdictLink(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a link says: `subscriber` (a subscription's id) says `verdict` of the alert, until `expires_ms` (UTC).

    Links that were sent before they named the estate have none.
    """

    alert_id: Identifier
    zone_id: Identifier
    subscriber: Identifier
    verdict: LinkVerdict
    expires_ms: TimeMs
    estate_id: Annotated[str, Meta(max_length=96)] = ""


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(VerdictLink)


def link_key(settings: Settings) -> bytes:
    """The key of this home's links, generated on first use, file mode 0600."""
    return settings.secret(KEY_NAME).encode()


def sign(link: VerdictLink, key: bytes) -> str:
    """The token of `link`: letters, digits, `-`, `_` and one dot."""
    content = _encoder.encode(link)
    return f"{_text(content)}.{_text(_signature(content, key))}"


def read(token: str, key: bytes, now_ms: int) -> VerdictLink:
    """What `token` says. Raises LinkError when it is not ours, was changed, or has expired at `now_ms` (UTC)."""
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise LinkError("the link is too long")
    content_text, _, signature_text = token.partition(".")
    content, signature = _bytes(content_text), _bytes(signature_text)
    if not hmac.compare_digest(signature, _signature(content, key)):
        raise LinkError("the link was not made here, or is damaged")
    try:
        link = _decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LinkError("the link was made by another version") from error
    if link.expires_ms <= now_ms:
        raise LinkError("the link has expired", expired=True)
    return link


def said(link: VerdictLink, estate_id: str, now_ms: int, note: str = "") -> Disposition:
    """The disposition that a confirmed link stands for; the same one however often it is confirmed.

    Who acknowledges has seen the alert and does not judge it yet: verdict "unsure" with the note "acknowledged".
    """
    acknowledged = link.verdict == "acknowledged"
    return Disposition(
        schema_version=SCHEMA_VERSION,
        disposition_id=derived_id("link", link.alert_id, link.subscriber, link.verdict),
        alert_id=link.alert_id,
        estate_id=estate_id,
        event_ms=now_ms,
        verdict="unsure" if link.verdict == "acknowledged" else link.verdict,
        by=link.subscriber,
        note=note or ("acknowledged" if acknowledged else ""),
    )


def _signature(content: bytes, key: bytes) -> bytes:
    return hmac.digest(key, b"anfang verdict link\x00" + content, "sha256")


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """What `_text` made `text` of; only that one spelling is accepted."""
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise LinkError("the link is damaged") from error
    if _text(content) != text:
        raise LinkError("the link is damaged")
    return content
