"""Accounts that do not add up stop the night before anything is swapped."""

from datetime import date

import msgspec
import pytest

from batch.accounting import DayAccount, by_topic, check_accounts, check_read, fates, losses, record_counts
from batch.days import period_of
from batch.messages import KINDS
from batch.schemas import spark_schema
from infra.clock import DAY_MS, HOUR_MS
from infra.errors import UserError
from infra.events import Envelope
from infra.settings import SMALL_SITE, Settings
from infra.site import load_site

DAY = date(2026, 3, 1)


def account(raw: int) -> DayAccount:
    """An account of 5 valid records, 2 duplicates and 1 dead letter that says `raw` records."""
    return DayAccount(
        day=DAY,
        raw=raw,
        valid=5,
        duplicates=2,
        dead_letters=1,
        late=0,
        streamed_dead_letters=0,
        crossings=0,
        alerts=0,
        zone_minutes=0,
        differing_zone_minutes=0,
        content_hash="",
    )


def test_a_day_that_does_not_add_up_is_named() -> None:
    check_accounts([account(8)])
    with pytest.raises(UserError, match=r"2026-03-01: 9 raw, 5 valid \+ 2 duplicates \+ 1 dead letters"):
        check_accounts([account(8), account(9)])


def test_records_that_vanish_while_reading_are_noticed() -> None:
    check_read("kafka", 10, 3, 7)
    with pytest.raises(UserError, match="kafka held 10 records, but 6 were judged and 3 lie outside"):
        check_read("kafka", 10, 3, 6)


def test_a_day_that_would_lose_records_of_any_topic_is_named() -> None:
    other, gone = date(2026, 3, 2), date(2026, 3, 3)
    stood = by_topic([(DAY, "detections", 9), (DAY, "alerts", 2), (other, "alerts", 2), (gone, "alerts", 1)])
    now = by_topic([(DAY, "detections", 8), (DAY, "alerts", 2), (other, "alerts", 3), (date(2026, 3, 4), "alerts", 1)])
    assert losses(stood, now) == {
        DAY: "detections: 9 records stand there, 8 now",
        gone: "alerts: 1 records stand there, 0 now",
    }
    assert losses(stood, stood) == {}


def test_late_records_are_none_of_the_days() -> None:
    found = fates([(DAY, "valid", 5), (DAY, "duplicate", 2), (DAY, "late", 4), (DAY, "dead_letter", 1)])
    counts = record_counts(found[DAY])
    assert counts == {"raw": 8, "valid": 5, "duplicates": 2, "dead_letters": 1, "late": 4}


def test_a_period_is_local_days_with_grace() -> None:
    site = load_site(SMALL_SITE)
    period = period_of(Settings(nightly_grace_minutes=60), site, DAY, 2)
    assert period.dates == [DAY, date(2026, 3, 2)]
    assert period.end_ms - period.start_ms == 2 * DAY_MS
    assert (period.start_ms - period.read_from_ms, period.read_to_ms - period.end_ms) == (HOUR_MS, HOUR_MS)
    assert period.start_ms % DAY_MS == 16 * HOUR_MS  # midnight in Shanghai


def test_sparks_schemas_follow_the_contracts() -> None:
    structs: list[type[msgspec.Struct]] = [Envelope, *(kind for kind, _, _ in KINDS.values())]
    for struct in structs:
        assert spark_schema(struct).fieldNames() == list(struct.__struct_fields__)
