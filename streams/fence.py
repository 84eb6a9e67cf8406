"""A table whose recovery believes the newest owner: what a zombie wrote late into the changelog is passed over.

A worker that was stopped for longer than the session timeout (SIGSTOP, a paused virtual machine, swapping) may, when it
wakes, still write a state that its successor has long left behind; nothing in Kafka's consumer protocol stops that
write. So each value says its `epoch`, one more than that of the value from which its owner recovered, and the offsets
applied to it. Of two values of one zone recovery keeps the one of the higher epoch, then of the further offsets.
(M. Kleppmann, "How to do distributed locking", 2016, calls such a number a fencing token.)
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, cast

import faust
import msgspec
from faust.stores import memory
from faust.types import EventT
from msgspec import Struct

from streams.coalescing import Record


class Standing(Struct, array_like=True):
    """Of a stored `ZoneValue`, what decides between two; state and outbox stay undecoded."""

    partition: int
    state: msgspec.Raw
    applied: dict[str, int]
    outbox: msgspec.Raw
    epoch: int = 0


_standing: Final = msgspec.msgpack.Decoder(Standing)


def standing(value: bytes) -> tuple[int, int]:
    """(epoch, sum of the offsets applied): of two values of one zone, the greater is the one to go on from."""
    found = _standing.decode(value)
    return found.epoch, sum(found.applied.values())


class FencedStore(memory.Store[bytes, bytes]):
    """Faust's memory store, but a changelog record that is behind what is known of its zone changes nothing."""

    def apply_changelog_batch(
        self, batch: Iterable[EventT[bytes]], to_key: Callable[[bytes], bytes], to_value: Callable[[bytes], bytes]
    ) -> None:
        """Take fetches of changelog records (`streams/coalescing.py`), in the order in which they were written."""
        for event in batch:
            for record in cast(Sequence[Record], event.value):
                assert record.key is not None  # Kafka takes none without one into a compacted topic
                self._take(record.key, record.value, record.partition)

    def _take(self, key: bytes, value: bytes | None, partition: int) -> None:
        self._key_partition[key] = partition
        known = self.data.get(key)
        if value is None:  # a tombstone: nobody here writes one
            self.data.pop(key, None)
        elif known is None or standing(known) <= standing(value):
            self.data[key] = value


class FencedTable(faust.Table[bytes, bytes]):
    """A plain table with the fenced store."""

    def _new_store(self) -> FencedStore:
        return FencedStore("memory://", self.app, self, table_name=self.name, loop=self.loop, options=self.options)
