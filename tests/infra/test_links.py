"""Signed links: what was signed is read, and nothing else."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.links import VERDICTS, LinkError, VerdictLink, link_key, read, said, sign
from infra.settings import Settings

KEY = b"k" * 43
NOW_MS = 1_700_000_000_000
LINK = VerdictLink("a" * 32, "plaza", "guard_room", "true", NOW_MS + 1)
names = st.text(min_size=1, max_size=96).filter(lambda name: len(name.encode()) <= 96)
links = st.builds(VerdictLink, names, names, names, st.sampled_from(VERDICTS), st.integers(NOW_MS + 1, 2**63 - 1))


@given(links, st.binary(min_size=16, max_size=64))
def test_what_was_signed_is_read(link: VerdictLink, key: bytes) -> None:
    token = sign(link, key)
    assert read(token, key, NOW_MS) == link
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


def test_no_single_changed_character_is_accepted() -> None:
    token = sign(LINK, KEY)
    for place, character in enumerate(token):
        for other in "Aa0-_.=/+ é\n":
            if other != character:
                with pytest.raises(LinkError):
                    read(token[:place] + other + token[place + 1 :], KEY, NOW_MS)
        with pytest.raises(LinkError):
            read(token[:place] + token[place + 1 :], KEY, NOW_MS)
        with pytest.raises(LinkError):
            read(token[:place], KEY, NOW_MS)


@given(st.text(max_size=2000))
def test_no_text_is_anything_but_refused(text: str) -> None:
    with pytest.raises(LinkError):
        read(text, KEY, NOW_MS)


@pytest.mark.parametrize("field", ["alert_id", "zone_id", "subscriber", "verdict", "expires_ms"])
def test_another_content_under_an_old_signature_is_refused(field: str) -> None:
    other: dict[str, object] = {"verdict": "false", "expires_ms": NOW_MS * 2}
    changed = msgspec.structs.replace(LINK, **{field: other.get(field, "other")})
    content, signature = sign(changed, KEY).partition(".")[0], sign(LINK, KEY).partition(".")[2]
    with pytest.raises(LinkError):
        read(f"{content}.{signature}", KEY, NOW_MS)


def test_another_key_or_another_use_of_this_key_is_refused() -> None:
    with pytest.raises(LinkError):
        read(sign(LINK, b"x" * 43), KEY, NOW_MS)
    content = sign(LINK, KEY).partition(".")[0]
    raw = urlsafe_b64decode(content + "=" * (-len(content) % 4))
    for signature in (hmac.new(KEY, raw, hashlib.sha256).digest(), hashlib.sha256(KEY + raw).digest(), b""):
        with pytest.raises(LinkError):
            read(f"{content}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}", KEY, NOW_MS)


def test_a_link_is_over_at_its_time_and_says_so() -> None:
    token = sign(LINK, KEY)
    assert read(token, KEY, LINK.expires_ms - 1) == LINK
    with pytest.raises(LinkError) as late:
        read(token, KEY, LINK.expires_ms)
    assert late.value.expired
    with pytest.raises(LinkError) as broken:
        read(token[:-2], KEY, LINK.expires_ms)
    assert not broken.value.expired


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_link_that_is_confirmed_twice_is_one_disposition(verdict: str) -> None:
    link = msgspec.structs.replace(LINK, verdict=verdict)
    first, second = said(link, "estate", NOW_MS), said(link, "estate", NOW_MS + 5_000)
    assert first.disposition_id == second.disposition_id
    assert (first.alert_id, first.by, first.estate_id) == (LINK.alert_id, "guard_room", "estate")
    assert (first.verdict, first.note) == (("unsure", "acknowledged") if verdict == "acknowledged" else (verdict, ""))


def test_the_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    key = link_key(settings)
    assert len(key) == 43
    assert link_key(settings) == key
    assert (tmp_path / "secrets" / "link_key").stat().st_mode & 0o777 == 0o600
