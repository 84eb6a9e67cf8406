"""What an estate costs: both workers at the pace of life, and how many cameras one pair of them carries here.

It has no peer: it is what the plan for a district (docs/district.md) reckons with. Each camera sends an envelope of 20
detections a second, and has a zone of its own, which is the dearest way: a zone is what is written. First an estate of
`ESTATE` cameras, whose cost is told; then more, until a worker falls behind. `python -m tests.benchmarks.district NAME
CAMERAS` is a worker.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

import msgspec
import psutil

from infra.lag import lag
from infra.local.process import Process, alive, python_module, wait_until
from infra.local.registry import read_process, start_process, stop_process
from infra.settings import Settings, load_settings
from infra.topics import DETECTIONS, OCCUPANCY, create_topics, topic_name
from producers.sink import KafkaSink, open_kafka
from streams import alerts, occupancy, worker
from streams.worker import group
from tests.benchmarks.feed import START_MS, a_second, synthetic_site
from tests.benchmarks.harness import Result, own_topics, result, this_machine
from tests.benchmarks.workers import changelog
from tests.kafka_helpers import Sent, read_all, read_topic

ESTATE: Final = 600
MORE: Final = (2_400, 6_000)
WORKERS: Final = {occupancy.NAME: occupancy.make_app, alerts.NAME: alerts.make_app}
STEP_S: Final = 30
FROM_S: Final = 45  # so that a minute closes on the way
SETTLE_S: Final = 3  # commits come once a second: what is younger may be uncommitted
SECOND: Final = b"%d" % (START_MS // 1000)


def run(settings: Settings, _rounds: int) -> Result:
    """The greatest number of cameras tried with which neither worker falls behind; what an estate costs beside it."""
    here = this_machine()
    carried, extra = 0, dict[str, float]()
    with ExitStack() as until_the_end:  # what the broker does to delete topics would be measured too
        for cameras in (ESTATE, *MORE):
            found = _step(until_the_end.enter_context(own_topics(settings)), cameras)
            print(f"{cameras} cameras: {found}", file=sys.stderr, flush=True)
            extra = extra or found
            if max(found[f"{name}_lag_s"] for name in WORKERS) > SETTLE_S:
                break
            carried = cameras
    found_all = result("district", "cameras at one envelope/s", here, [float(carried)], {})
    return msgspec.structs.replace(found_all, extra={"estate_cameras": float(ESTATE)} | extra)


def _step(settings: Settings, cameras: int) -> dict[str, float]:
    """`STEP_S` of life: lag and cost of each worker, and what it left in Kafka."""
    create_topics(settings)
    messages, sink = a_second(cameras), open_kafka(settings)
    with _running(settings, cameras) as workers:
        _send(sink, messages, 0)
        wait_until(lambda: _behind(settings) == 0, 90, "both workers at work")
        broker = read_process(settings, "kafka")
        assert broker is not None
        watched = {**workers, "kafka": broker}
        before = {name: _cpu_s(process) for name, process in watched.items()}
        began = time.monotonic()
        late_s = [_send(sink, messages, second, began) for second in range(1, STEP_S + 1)]
        took_s = time.monotonic() - began
        lags = {f"{name}_lag_s": lag(settings, group(name, settings), [DETECTIONS]) / cameras for name in WORKERS}
        cost = {f"{name}_cores": (_cpu_s(process) - before[name]) / took_s for name, process in watched.items()}
        memory = {
            f"{name}_rss_mb": psutil.Process(process.pid).memory_info().rss / 1e6 for name, process in watched.items()
        }
        if not all(map(alive, workers.values())):
            sys.exit("a worker ended: the figures would say nothing")
    return lags | cost | memory | {"sender_late_s": max(0.0, *late_s)} | _kept(settings, cameras)


@contextmanager
def _running(settings: Settings, cameras: int) -> Iterator[dict[str, Process]]:
    argv = {name: python_module("tests.benchmarks.district", name, str(cameras)) for name in WORKERS}
    try:
        yield {name: start_process(settings, f"bench-{name}", argv[name], settings.as_environment()) for name in argv}
    finally:
        for name in argv:
            stop_process(settings, f"bench-{name}")


def _behind(settings: Settings) -> int:
    return sum(lag(settings, group(name, settings), [DETECTIONS]) for name in WORKERS)


def _send(sink: KafkaSink, messages: Sequence[Sent], second: int, began: float | None = None) -> float:
    """Send the first second's envelopes as those of `second`, when that has passed; how late the sender was."""
    at, seq = b"%d" % (START_MS // 1000 + FROM_S + second), b"%d" % second
    told = [
        (key, value.replace(SECOND, at).replace(b'"seq":0', b'"seq":' + seq).replace(b'.0"]', b"." + seq + b'"]'))
        for key, value, _ in messages
    ]
    late_s = 0.0 if began is None else time.monotonic() - began - second
    time.sleep(max(0.0, -late_s))
    for key, value in told:
        sink.send(DETECTIONS, key, value, START_MS + (FROM_S + second) * 1000)
    sink.flush()
    return late_s


def _cpu_s(process: Process) -> float:
    used = psutil.Process(process.pid).cpu_times()
    return used.user + used.system


def _kept(settings: Settings, cameras: int) -> dict[str, float]:
    """What lies on disk of an envelope, a row and a second's changelog, and what a worker holds of a zone."""
    if cameras != ESTATE:
        return {}
    rows, sent = read_all(settings, OCCUPANCY), (STEP_S + 1) * cameras
    found = {
        "bytes_per_envelope": _on_disk(settings, topic_name(DETECTIONS, settings)) / sent,
        "bytes_per_row": _on_disk(settings, topic_name(OCCUPANCY, settings)) / max(1, len(rows)),
    }
    for name in WORKERS:
        written = read_topic(settings, changelog(name, settings))
        last = {message.key(): len(message.value() or b"") for message in written}
        found[f"{name}_changelog_records_s"] = len(written) / (STEP_S + 1)
        found[f"{name}_changelog_bytes_s"] = _on_disk(settings, changelog(name, settings)) / (STEP_S + 1)
        found[f"{name}_bytes_per_zone"] = sum(last.values()) / len(last)
    return found


def _on_disk(settings: Settings, name: str) -> int:
    return sum(segment.stat().st_size for segment in settings.home.glob(f"kafka/**/{name}-[0-9]*/*.log"))


if __name__ == "__main__":
    worker.run(WORKERS[sys.argv[1]](load_settings(), synthetic_site(int(sys.argv[2]))))
