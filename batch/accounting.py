"""The day's account: every record that Kafka held for it, as a row that people can look at."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime

import msgspec

from batch.envelopes import DEAD_LETTER, DUPLICATE, LATE, VALID
from infra.errors import UserError
from warehouse.client import Row
from warehouse.loads import Account


class DayAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `nightly_accounting`. `seconds` is the run's time divided by its days."""

    day: date
    raw: int
    valid: int
    duplicates: int
    dead_letters: int
    late: int
    streamed_dead_letters: int
    crossings: int
    alerts: int
    zone_minutes: int
    differing_zone_minutes: int
    content_hash: str
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether every record is accounted for."""
        return self.raw == self.valid + self.duplicates + self.dead_letters


Fates = dict[date, dict[str, int]]
Records = Mapping[date, Mapping[str, int]]  # day, topic: how many records; of detections the valid ones


def fates(rows: Iterable[tuple[date, str, int]]) -> Fates:
    """Numbers of records by day and fate."""
    found: Fates = defaultdict(lambda: defaultdict(int))
    for day, fate, records in rows:
        found[day][fate] += records
    return found


def record_counts(day_fates: dict[str, int]) -> dict[str, int]:
    """The account's first columns from a day's fates; late records are none of the day's."""
    return {
        "raw": sum(records for fate, records in day_fates.items() if fate != LATE),
        "valid": day_fates.get(VALID, 0),
        "duplicates": day_fates.get(DUPLICATE, 0),
        "dead_letters": day_fates.get(DEAD_LETTER, 0),
        "late": day_fates.get(LATE, 0),
    }


def by_topic(rows: Iterable[Row]) -> Records:
    """Rows of `day, topic, records`."""
    found: dict[date, dict[str, int]] = defaultdict(dict)
    for day, topic, number in msgspec.convert(list(rows), list[tuple[date, str, int]]):
        found[day][topic] = number
    return found


def check_read(source: str, held: int, before_and_after: int, accounted: int) -> None:
    """Whether the records that the source says it holds are those that were judged or lie outside the days' time."""
    if held != before_and_after + accounted:
        raise UserError(
            f"{source} held {held} records, but {accounted} were judged and {before_and_after} lie outside",
            "run the nightly again; if it stays, records vanish while being read (retention?) – nothing was changed",
        )


def check_accounts(accounts: Iterable[DayAccount]) -> None:
    """Raises UserError naming each day whose records do not add up."""
    wrong = [account for account in accounts if not account.holds]
    if wrong:
        said = "; ".join(
            f"{a.day}: {a.raw} raw, {a.valid} valid + {a.duplicates} duplicates + {a.dead_letters} dead letters"
            for a in wrong
        )
        raise UserError(f"records do not add up: {said}", "nothing was changed; report this as a defect")


def losses(stood: Records, now: Records) -> dict[date, str]:
    """The days that would be made of fewer records of a topic than they stand on, and of which, in words."""
    found = {
        day: ", ".join(
            f"{topic}: {number} records stand there, {now.get(day, {}).get(topic, 0)} now"
            for topic, number in sorted(topics.items())
            if now.get(day, {}).get(topic, 0) < number
        )
        for day, topics in stood.items()
    }
    return {day: said for day, said in found.items() if said}


def stored(account: DayAccount, estate_id: str, load_id: int) -> Account:
    """The account as a row of `nightly_accounting`, as of now; the newest of a day counts."""
    row = {"estate_id": estate_id, "load_id": load_id, "loaded_at": datetime.now(UTC)}
    return row | msgspec.structs.asdict(account)
