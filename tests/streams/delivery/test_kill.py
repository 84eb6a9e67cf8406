"""kill -9 of the worker at any moment: every subscriber gets every alert, in order, repeats under the same id."""

import asyncio
import random
import signal
import sys
from functools import partial
from pathlib import Path

from infra.events import Alert, encoder
from tests.streams.delivery.helpers import Receiver, alert, closed, listening, open_outbox, until

KILLS = 6  # each start takes seconds; tests/benchmarks/delivery.py kills the real worker 20 times
SUBSCRIBERS = 3
ALERTS = 100


def _story() -> list[Alert]:
    """Alerts that open, get worse, and end, interleaved."""
    states = []
    for number in range(ALERTS):
        states.append(alert(number))
        if number >= 2:
            states.append(alert(number - 2, 2, severity="critical"))
        if number >= 4:
            states.append(closed(number - 4, 3, "critical"))
    return states


def test_every_subscriber_gets_every_alert_though_the_worker_is_killed_again_and_again(tmp_path: Path) -> None:
    chance, states = random.Random(9), _story()
    (tmp_path / "alerts").touch()

    async def story() -> list[Receiver]:
        async with listening() as one, listening(["200"] * 30 + ["500"] * 40 + ["200"]) as two, listening() as three:
            receivers = [one, two, three]
            feeding = asyncio.create_task(_feed(tmp_path / "alerts", states))
            for _ in range(KILLS):
                enough = sum(len(receiver.got) for receiver in receivers) + chance.randrange(40)
                worker = await _start(tmp_path, [receiver.url for receiver in receivers])
                await until(partial(_got_more, receivers, enough), 30)
                worker.send_signal(signal.SIGKILL)
                await worker.wait()
            await feeding
            worker = await _start(tmp_path, [receiver.url for receiver in receivers])
            await until(lambda: all(len(set(receiver.taken)) == len(states) for receiver in receivers), 60)
            worker.send_signal(signal.SIGKILL)
            await worker.wait()
            return receivers

    receivers = asyncio.run(story())
    expected = {f"{state.alert_id}.{state.revision}" for state in states}
    for receiver in receivers:
        assert set(receiver.taken) == expected
        first = {one: receiver.taken.index(one) for one in expected}
        for state in states:
            if state.revision > 1:
                before = f"{state.alert_id}.{state.revision - 1}"
                assert first[before] < first[f"{state.alert_id}.{state.revision}"]
        bodies: dict[str, set[str]] = {}
        for message_id, _, content in receiver.got:
            bodies.setdefault(message_id, set()).add(str(content))
        assert all(len(said) == 1 for said in bodies.values())  # a repeat says the same
    repeats = sum(len(receiver.taken) - len(set(receiver.taken)) for receiver in receivers)
    print(f"{KILLS} kills, {len(states)} states for {SUBSCRIBERS} subscribers, {repeats} repeats")
    assert open_outbox(tmp_path).held() <= SUBSCRIBERS * 8  # what was under way at the last kill


def _got_more(receivers: list[Receiver], than: int) -> bool:
    return sum(len(receiver.got) for receiver in receivers) > than


async def _feed(file: Path, states: list[Alert]) -> None:
    with file.open("ab", buffering=0) as log:
        for state in states:
            log.write(encoder.encode(state) + b"\n")
            await asyncio.sleep(0.03)


async def _start(folder: Path, urls: list[str]) -> asyncio.subprocess.Process:
    module = "tests.streams.delivery.victim"
    return await asyncio.create_subprocess_exec(sys.executable, "-m", module, str(folder), *urls)
