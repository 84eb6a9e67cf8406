"""When nobody is to be woken: the parts `maintenance` and `suppress` of the site file."""

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from typing import Annotated, Self

from pydantic import ConfigDict, Field, NaiveDatetime, StringConstraints, model_validator

from infra.documents import Mistake
from infra.limits import Part, Rule, Slug

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]


class Maintenance(Part):
    """Work on these zones, with all inside them, or these cameras, once, from `from` to `to` (exclusive, local time).

    `rules` are those that it disturbs; without them, all.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    zones: tuple[Slug, ...] = ()
    cameras: tuple[Slug, ...] = ()
    rules: tuple[Rule, ...] = ()
    start: NaiveDatetime = Field(alias="from")
    end: NaiveDatetime = Field(alias="to")
    reason: Reason

    @model_validator(mode="after")
    def _some_time_of_something(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"expected from before to, got {self.start.isoformat()} and {self.end.isoformat()}")
        if not self.zones and not self.cameras:
            raise ValueError("expected zones or cameras")
        return self

    def covers(self, event_ms: int, tz: tzinfo) -> bool:
        """Whether UTC instant `event_ms` lies in it; `tz` is the estate's time zone."""
        start, end = (local.replace(tzinfo=tz).timestamp() * 1000 for local in (self.start, self.end))
        return start <= event_ms < end


class Suppression(Part):
    """A rule that wakes nobody in these zones, with all inside them, during a weekly schedule."""

    rule: Rule
    zones: tuple[Slug, ...] = Field(min_length=1)
    schedule: Slug
    reason: Reason


def unknown_names(
    maintenance: Iterable[Maintenance], suppress: Iterable[Suppression], known: dict[str, set[str]]
) -> Iterator[Mistake]:
    """What the windows name that the site does not have; `known` holds its ids under zones, cameras and schedules."""
    for i, work in enumerate(maintenance):
        for kind, names in (("zones", work.zones), ("cameras", work.cameras)):
            for j, name in enumerate(names):
                if name not in known[kind]:
                    yield ("maintenance", i, kind, j), f"expected one of the {kind} of this file, got {name!r}"
    for i, window in enumerate(suppress):
        for j, name in enumerate(window.zones):
            if name not in known["zones"]:
                yield ("suppress", i, "zones", j), f"expected one of the zones of this file, got {name!r}"
        if window.schedule not in known["schedules"]:
            yield ("suppress", i, "schedule"), f"expected a schedule of this file, got {window.schedule!r}"
