"""What must be said of the office's own ledgers."""

import math
from collections import Counter
from typing import Final

from tests.dashboards.seed.truth import Row, Truth, share, year_before
from tests.dashboards.seed.years import (
    SITE,
    local,
)


def kpi_counting_accuracy(truth: Truth) -> list[Row]:
    """Checks on loaded days; a day's crossings of the line within the hour."""
    pairs = []
    for at_ms, line, manual in truth.ledgers.spot_checks:
        for day in truth.days:
            if day.day == local(at_ms).date():
                seen = [c for c in day.crossings if c.line == line and at_ms <= c.at_ms < at_ms + 3_600_000]
                pairs.append((manual, len(seen)))
    manual, differences = sum(m for m, _ in pairs), sum(abs(m - counted) for m, counted in pairs)
    return [
        {
            "checks": len(pairs),
            "manual_crossings": manual,
            "counted_crossings": sum(counted for _, counted in pairs),
            "differences": differences,
            "accuracy": max(0, 100 * (1 - differences / manual)) if manual else None,
        }
    ]


def kpi_funds(truth: Truth) -> list[Row]:
    entries = [(kind, yuan) for day, kind, yuan in truth.ledgers.funds if day <= truth.last]
    totals = Counter[str]()
    for kind, yuan in entries:
        totals[kind] += yuan
    budget, spent = totals["budget"], totals["spent"]
    return [
        {
            "entries": len(entries),
            **{f"{kind}_yuan": float(totals[kind]) for kind in ("budget", "received", "spent")},
            "received_rate": share(totals["received"], budget),
            "spent_rate": share(spent, budget),
            "spent_per_resident": spent / SITE.estate.residents if budget else None,
        }
    ]


KINDS: Final = {
    "theft": ("theft",),
    "public_order": ("theft", "public_order", "fight"),
    "fire_lane": ("fire_lane",),
}


def kpi_incidents(truth: Truth) -> list[Row]:
    row: Row = {}
    for suffix, back in (("", False), ("_previous", True)):
        first, last = (year_before(day) if back else day for day in (truth.first, truth.last))
        kinds = [kind for at, kind in truth.ledgers.incidents if first <= at.date() <= last]
        row |= {f"entries{suffix}": len(kinds)}
        row |= {f"{name}{suffix}": sum(k in of for k in kinds) if kinds else None for name, of in KINDS.items()}
    return [row]


def kpi_surveys(truth: Truth) -> list[Row]:
    row: Row = {}
    for question in ("satisfaction", "safety"):
        asked = [(n, m, sd) for day, of, n, m, sd in truth.ledgers.surveys if of == question and truth.covers(day)]
        people = sum(n for n, _, _ in asked)
        row[f"{question}_respondents"] = people
        row[question] = sum(n * m for n, m, _ in asked) / people if people else None
        row[f"{question}_margin"] = (
            1.96 * math.sqrt(sum(n * sd * sd for n, _, sd in asked)) / people if people else None
        )
    return [row]
