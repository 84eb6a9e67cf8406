"""The occupancy benchmark's peer in quixstreams: `… quixstreams_worker.py BROKER GROUP TOPIC STATE_DIR`.

A stateful `apply`, as its documents show, with its defaults but two: it makes its state durable every second, as Faust
does, and its consumer's queue back-off is short, which librdkafka's default of a second would make it wait for. Runs in
the environment of this folder, which has nothing of ours.
"""

import sys

from quixstreams import Application, State

CHECKPOINT_S = 1.0


def count(envelope: dict[str, dict[str, list[int]] | None], state: State) -> None:
    """Keep the balance of the message's key, and how many messages made it."""
    crossings = envelope["crossings"]
    balance, messages = state.get("zone", default=[0, 0])
    state.set("zone", [balance + sum(crossings["direction"] if crossings else []), messages + 1])


def main(broker: str, group: str, topic: str, state_dir: str) -> None:
    """Count for ever."""
    app = Application(
        broker_address=broker,
        consumer_group=group,
        auto_offset_reset="earliest",
        commit_interval=CHECKPOINT_S,
        state_dir=state_dir,
        consumer_extra_config={"fetch.queue.backoff.ms": 5},
        loglevel="WARNING",
    )
    app.dataframe(app.topic(topic, value_deserializer="json")).apply(count, stateful=True)
    app.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
