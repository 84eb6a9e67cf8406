"""The evening register: what an operator counts in each building and on the estate, as headcounts with an error."""

from typing import Final

import numpy as np

from infra.clock import HOUR_MS, MINUTE_MS
from infra.events import SCHEMA_VERSION, Headcount
from producers.day import Balance, Day
from producers.layout import Layout

REGISTER_MS: Final = 22 * HOUR_MS + 30 * MINUTE_MS
ERROR: Final = 0.02
"""Standard deviation of a count, as a share of the persons."""
BY: Final = "evening_register"


def register(day: Day, truth: Balance, layout: Layout, boot_id: str, random: np.random.Generator) -> list[Headcount]:
    """One headcount at 22:30 of every zone where people sleep, in site order; errors are normal, never below zero."""
    event_ms = day.start_ms + REGISTER_MS
    zones = np.array([index for index, zone in enumerate(layout.site.zones) if zone.has_homes], np.int64)
    persons = truth.at(zones, np.full(len(zones), event_ms))
    error = np.maximum(ERROR * persons, 1.0)
    counted = np.maximum(0, np.round(persons + error * random.standard_normal(len(zones)))).astype(np.int64)
    names = [layout.site.zones[zone].id for zone in zones.tolist()]
    return [
        Headcount(
            schema_version=SCHEMA_VERSION,
            headcount_id=f"{boot_id}.{day.date:%Y%m%d}.{name}",
            estate_id=layout.site.estate.id,
            zone_id=name,
            event_ms=event_ms,
            persons=count,
            error_persons=round(off, 1),
            by=BY,
        )
        for name, count, off in zip(names, counted.tolist(), error.tolist(), strict=True)
    ]
