"""The private parts of Faust that the coalescing consumer builds on have the shape it expects."""

import inspect
from importlib.metadata import version
from types import SimpleNamespace
from typing import cast

from faust.transport.consumer import Consumer
from faust.transport.drivers.aiokafka import Consumer as AiokafkaConsumer
from faust.types import TP

from streams.coalescing import CoalescingConsumer


def test_versions_are_the_measured_ones() -> None:
    assert version("faust-streaming") == "0.15.3"
    assert version("aiokafka") == "0.14.0"


def test_the_overridden_methods_have_the_known_signatures() -> None:
    expected = {
        "getmany": ["self", "timeout"],
        "_wait_next_records": ["self", "timeout"],
        "_new_offset": ["self", "tp"],
        "_add_gap": ["self", "tp", "offset_from", "offset_to"],
        "perform_seek": ["self"],
    }
    for name, parameters in expected.items():
        assert list(inspect.signature(getattr(Consumer, name)).parameters) == parameters
    assert list(inspect.signature(AiokafkaConsumer._to_message).parameters) == ["self", "tp", "record"]


def test_the_bookkeeping_attributes_exist() -> None:
    source = inspect.getsource(Consumer)
    for attribute in ("_acked", "_acked_index", "_gap", "_committed_offset", "_buffered_partitions"):
        assert f"self.{attribute}" in source


def test_a_coalesced_commit_is_the_last_ack_plus_one() -> None:
    tp = TP("in", 0)
    consumer = SimpleNamespace(
        _acked={tp: [41, 99]}, _acked_index={tp: {41, 99}}, _coalesced_topics=lambda: frozenset({"in"})
    )
    as_consumer = cast(CoalescingConsumer, consumer)
    assert CoalescingConsumer._new_offset(as_consumer, tp) == 100
    assert CoalescingConsumer._new_offset(as_consumer, tp) is None
    assert consumer._acked_index[tp] == set()
