"""Which envelopes have been applied already: exact de-duplication by (camera, boot, zone, seq) in little memory.

Per camera and boot it keeps the length of the gapless prefix and the few sequence numbers beyond it. A gap that stays
open while `MAX_AHEAD` later numbers arrive is given up as lost, so the memory is bounded.
"""

from msgspec import Struct

from infra.events import Envelope

MAX_AHEAD = 4096
MAX_BOOTS = 4


class Sequence(Struct):
    """Sequence numbers seen of one boot: all below `prefix`, and those in `ahead`. `lost` were given up.

    `first` is the number that came first: of those before it nobody knows whether they were ever sent to us.
    """

    boot_id: str
    prefix: int = 0
    ahead: set[int] = set()
    lost: int = 0
    first: int = 0

    @property
    def missing(self) -> int:
        """How many numbers between the first and the highest have not come: given up, or still waited for."""
        if not self.ahead:
            return self.lost
        begin = max(self.prefix, self.first)
        return self.lost + max(self.ahead) + 1 - begin - sum(seq >= begin for seq in self.ahead)


def first_time(sequences: list[Sequence], envelope: Envelope) -> bool:
    """Record the envelope's seq in its camera's `sequences`; False when it was there already.

    `sequences` holds the last `MAX_BOOTS` boots of one camera for one zone, newest last, and is changed in place.
    """
    for sequence in sequences:
        if sequence.boot_id == envelope.boot_id:
            return _record(sequence, envelope.seq)
    sequence = Sequence(envelope.boot_id, prefix=max(0, envelope.seq - MAX_AHEAD), first=envelope.seq)
    sequences.append(sequence)
    del sequences[:-MAX_BOOTS]
    return _record(sequence, envelope.seq)


def _record(sequence: Sequence, seq: int) -> bool:
    if seq == sequence.prefix and not sequence.ahead:  # the usual case: nothing is missing
        sequence.prefix += 1
        return True
    if seq < sequence.prefix or seq in sequence.ahead:
        return False
    sequence.ahead.add(seq)
    _advance(sequence)
    if len(sequence.ahead) > MAX_AHEAD:
        oldest = min(sequence.ahead)
        sequence.lost += max(0, oldest - max(sequence.prefix, sequence.first))
        sequence.prefix = oldest
        _advance(sequence)
    return True


def _advance(sequence: Sequence) -> None:
    while sequence.prefix in sequence.ahead:
        sequence.ahead.remove(sequence.prefix)
        sequence.prefix += 1
