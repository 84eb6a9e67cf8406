"""How often who may ask. In memory; all times are UTC ms that are passed in."""

import math
from collections import OrderedDict
from typing import Final

from infra.clock import HOUR_MS, MINUTE_MS

REQUESTS: Final = (120, MINUTE_MS)  # of a key
CREATIONS: Final = (20, HOUR_MS)  # of a key
FAILURES: Final = (20, 15 * MINUTE_MS)  # wrong keys of an address
MOST_REMEMBERED: Final = 20_000


class Allowance:
    """`most` at once, and so many again in each `window_ms`: a leaky bucket for each who (GCRA, ITU-T I.371)."""

    def __init__(self, most: int, window_ms: int) -> None:
        self._each_ms, self._window_ms = window_ms / most, window_ms
        self._free_ms: OrderedDict[str, float] = OrderedDict()
        """When all that each has used will be forgotten."""

    def wait_s(self, who: str, now_ms: int) -> int:
        """0 where `who` may, and then it is counted; else after how many seconds they may."""
        free_ms = max(self._free_ms.get(who, 0.0), now_ms) + self._each_ms
        over_ms = free_ms - now_ms - self._window_ms
        if over_ms > 1e-6:
            return math.ceil(over_ms / 1000)
        self._free_ms[who] = free_ms
        self._free_ms.move_to_end(who)
        while len(self._free_ms) > MOST_REMEMBERED:
            self._free_ms.popitem(last=False)
        return 0
