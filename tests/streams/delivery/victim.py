"""A delivery worker without Kafka, to be killed: takes alert states from a file, notes where it is as Kafka would.

`python -m tests.streams.delivery.victim FOLDER URL...`: one subscription for each URL. `FOLDER/alerts` has one state a
line and grows; `FOLDER/committed` is how many lines were acknowledged, written some time after they were taken.
"""

import asyncio
import sys
from pathlib import Path

from infra.clock import SystemClock
from streams.delivery.app import match
from streams.delivery.lanes import Lanes
from streams.delivery.matching import Wish
from tests.streams.delivery.helpers import SITE, hook_way, open_outbox, raw_record, sender, subscription


async def serve(folder: Path, urls: list[str]) -> None:
    """Run until killed."""
    outbox, clock, hooks = open_outbox(folder), SystemClock(), sender()
    subscriptions = {f"s{i}": subscription(f"s{i}", url) for i, url in enumerate(urls)}
    wishes = {name: Wish.of(one) for name, one in subscriptions.items()}
    lanes = Lanes(outbox, hook_way(hooks, (0.05,)))
    await lanes.update(subscriptions)
    committed = folder / "committed"
    taken = int(committed.read_text() or 0) if committed.exists() else 0
    behind = taken
    while True:
        lines = (folder / "alerts").read_bytes().split(b"\n")[:-1]
        now_ms = clock.now_ms()
        fetch = [raw_record(line, i, now_ms) for i, line in enumerate(lines) if i >= taken][:7]
        if fetch:
            matched = match(fetch, wishes, outbox, SITE, now_ms)
            outbox.put(matched.queued, now_ms)
            for name in wishes:
                lanes.wake(name)
            taken += len(fetch)
        new = committed.with_suffix(".new")
        new.write_text(str(behind))
        new.rename(committed)
        behind = taken
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2:]))
