"""The baselines that a worker knows: the compacted topic read whole, at its start and now and then."""

from collections.abc import Iterable

import msgspec
import structlog

from infra.events import Baseline
from infra.settings import Settings
from infra.site import Site
from infra.topics import BASELINES
from infra.whole_topic import read_whole

log = structlog.get_logger()


def read_baselines(settings: Settings, site: Site) -> dict[str, Baseline]:
    """The latest baseline of each line of the site. Raises UserError when Kafka does not answer."""
    return latest((message.value() for message in read_whole(settings, BASELINES)), site)


def latest(values: Iterable[bytes | None], site: Site) -> dict[str, Baseline]:
    """By line the last of these baselines that is of this site. What is none is told in the log."""
    found: dict[str, Baseline] = {}
    for value in values:
        try:
            baseline = msgspec.json.decode(value or b"", type=Baseline)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("not a baseline", problem=str(error))
            continue
        if baseline.estate_id == site.estate.id and baseline.line_id in site.line:
            found[baseline.line_id] = baseline
    return found
