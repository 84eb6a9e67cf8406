"""What poison costs the occupancy app: envelopes/s with one message in a hundred refused, beside none.

The feed is that of `occupancy`; the bad messages come between its envelopes: the simulator's kinds in turn, and every
`LARGE_IN`-th the one that is too large, which is as long as 800 envelopes. The rate counts envelopes only, so what is
lost to refusing and to writing dead letters shows. The balance of every zone must be as without them, and the dead
letters must be the bad messages: each one's bytes, once.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from itertools import count, cycle
from typing import Final

from confluent_kafka import Message

from infra.events import MAX_ENVELOPE_BYTES
from infra.settings import Settings
from infra.topics import DEAD_LETTERS, HEADER_OFFSET, HEADER_PARTITION
from producers.dice import dice
from producers.simulate.faults import POISONS, poisons
from tests.benchmarks.feed import START_MS, envelopes, synthetic_site, true_balances
from tests.benchmarks.harness import Result, compare, own_topics, same
from tests.benchmarks.occupancy import OURS
from tests.benchmarks.programs import run_on
from tests.kafka_helpers import Sent, read_all

ENVELOPES: Final = 200_000
ONE_IN: Final = 100
LARGE_IN: Final = 100  # of the bad ones: with one in six, as the simulator has it, they are 58 % of all bytes
SPAN_MS: Final = 60_000


def run(settings: Settings, rounds: int) -> Result:
    """Envelopes/s with poison, beside none."""
    messages = envelopes(ENVELOPES)
    balances = true_balances(messages)
    spoilt = list(poisoned(messages))
    bad = Counter(value for _, value, _ in spoilt) - Counter(value for _, value, _ in messages)
    ours = partial(_measure, settings, spoilt, balances, bad)
    clean = partial(_measure, settings, messages, balances, Counter())
    return compare("poison", "envelopes/s", ours, {"clean": clean}, rounds)


def bad_messages() -> list[Sent]:
    """One message of each kind that the simulator spoils; the too large one is only just too large, to be many."""
    spoil = dice(0, "poison", date(2024, 5, 27))
    found = poisons(
        range(len(POISONS)), start_ms=START_MS, end_ms=START_MS + SPAN_MS, site=synthetic_site(), boot_id="", dice=spoil
    )
    return [(one.key, _cut(one.value), one.sent_ms) for one in found]


def _cut(value: bytes) -> bytes:
    return value if len(value) <= MAX_ENVELOPE_BYTES else value[:MAX_ENVELOPE_BYTES] + value[-1:]


def poisoned(messages: Sequence[Sent]) -> Iterator[Sent]:
    """`messages`, and after each `ONE_IN - 1` of them a bad one: one in `ONE_IN` of all."""
    bad = in_turn(bad_messages())
    for number, message in enumerate(messages, start=1):
        yield message
        if number % (ONE_IN - 1) == 0:
            yield next(bad)


def in_turn(bad: Sequence[Sent]) -> Iterator[Sent]:
    """The bad messages in turn for ever, every `LARGE_IN`-th the largest."""
    *small, large = sorted(bad, key=lambda message: len(message[1]))
    turns = cycle(small)
    for number in count(1):
        yield large if number % LARGE_IN == 0 else next(turns)


def _measure(settings: Settings, messages: Sequence[Sent], balances: dict[str, int], bad: "Counter[bytes]") -> float:
    with own_topics(settings) as own:
        written = run_on(own, OURS, messages)
        letters = read_all(own, DEAD_LETTERS)
    same("balances", OURS.answer(written), balances)
    same("places of dead letters", len({_place(letter) for letter in letters}), bad.total())
    missing = bad - Counter(letter.value() or b"" for letter in letters)
    same("dead letters, and bad messages without one", (len(letters), missing.total()), (bad.total(), 0))
    return OURS.rate(written, len(messages)) * (len(messages) - bad.total()) / len(messages)


def _place(letter: Message) -> tuple[object, object]:
    headers = dict(letter.headers() or [])
    return headers[HEADER_PARTITION], headers[HEADER_OFFSET]
