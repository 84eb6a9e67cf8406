"""Maintenance and weekly windows: what they mark, what they leave as it is."""

import ast
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from infra.clock import HOUR_MS
from infra.events import Alert
from infra.limits import Rule
from infra.site import Site
from streams import rules, suppression
from streams.lifecycle import closed, opened, updated
from tests.streams.stories import SMALL
from tests.streams.test_rules import NIGHT_MS, NOON_MS

WORK: dict[str, object] = {"from": "2026-11-24T12:00", "to": "2026-11-24T13:00", "reason": "repaving"}
NIGHTLY: dict[str, object] = {"rule": "fire_lane", "zones": ["estate"], "schedule": "night", "reason": "deliveries"}


def _site(maintenance: list[dict[str, object]], suppress: list[dict[str, object]] | None = None) -> Site:
    content = SMALL.model_dump(mode="json")
    return Site.model_validate(content | {"maintenance": maintenance, "suppress": suppress or []})


def _alert(at_ms: int = NOON_MS, rule: str = "fire_lane", zone: str = "fire_lane", subject: str = "") -> Alert:
    return opened(
        rule=rule,
        estate_id=SMALL.estate.id,
        zone_id=zone,
        subject_id=subject or zone,
        severity="critical",
        opened_ms=at_ms,
        updated_ms=at_ms,
        explanation="why",
        measured={},
        evidence=["cam_perimeter/b/fire_lane/1"],
    )


def _told(alert: Alert, site: Site) -> tuple[str, str]:
    marked = suppression.marked(alert, site)
    assert msgspec.structs.replace(marked, suppressed="", severity=alert.severity) == alert  # nothing else changes
    return marked.suppressed, marked.severity


AS_IT_IS, QUIET = ("", "critical"), ("repaving", "warning")


@pytest.mark.parametrize(
    ("window", "alert", "expected"),
    [
        ({"zones": ["fire_lane"]}, _alert(), QUIET),
        ({"zones": ["estate"]}, _alert(), QUIET),  # with all inside
        ({"zones": ["plaza"]}, _alert(), AS_IT_IS),
        ({"zones": ["plaza"]}, _alert(zone="estate"), AS_IT_IS),  # what contains it goes on
        ({"zones": ["fire_lane"], "rules": ["e_bike", "fire_lane"]}, _alert(), QUIET),
        ({"zones": ["fire_lane"], "rules": ["e_bike"]}, _alert(), AS_IT_IS),
        ({"zones": ["fire_lane"]}, _alert(NOON_MS - 1), AS_IT_IS),
        ({"zones": ["fire_lane"]}, _alert(NOON_MS + HOUR_MS - 1), QUIET),
        ({"zones": ["fire_lane"]}, _alert(NOON_MS + HOUR_MS), AS_IT_IS),
        ({"cameras": ["cam_perimeter"]}, _alert(), QUIET),  # it alone saw it
        ({"cameras": ["cam_plaza"]}, _alert(), AS_IT_IS),
        ({"cameras": ["cam_plaza"]}, _alert(rule="camera_silent", subject="cam_plaza"), QUIET),
    ],
)
def test_work_covers_its_zones_cameras_rules_and_time(
    window: dict[str, object], alert: Alert, expected: tuple[str, str]
) -> None:
    assert _told(alert, _site([window | WORK])) == expected
    assert _told(alert, SMALL) == AS_IT_IS


def test_all_states_of_an_alert_agree_by_when_it_was_opened() -> None:
    first = _alert(NOON_MS + HOUR_MS - 1)
    second = updated(first, NOON_MS + 2 * HOUR_MS, "still", {}, [])
    site = _site([{"zones": ["fire_lane"]} | WORK])
    assert {_told(state, site) for state in (first, second, closed(second, NOON_MS + 3 * HOUR_MS, "gone"))} == {QUIET}


def test_another_camera_that_sees_it_too_ends_the_suppression_for_work_on_one() -> None:
    both = updated(_alert(), NOON_MS + 1, "still", {}, ["cam_plaza/b/fire_lane/1"])
    assert _told(both, _site([{"cameras": ["cam_perimeter"]} | WORK])) == AS_IT_IS
    assert _told(both, _site([{"cameras": ["cam_perimeter", "cam_plaza"]} | WORK])) == QUIET


def test_a_weekly_window_goes_by_local_hours_and_work_comes_first() -> None:
    site = _site([], [NIGHTLY])
    assert _told(_alert(NIGHT_MS), site) == ("deliveries", "warning")
    assert _told(_alert(NIGHT_MS, rule="e_bike"), site) == AS_IT_IS
    assert _told(_alert(NOON_MS), site) == AS_IT_IS
    both = _site([{"zones": ["estate"], "from": "2026-11-01", "to": "2026-12-01", "reason": "drill"}], [NIGHTLY])
    assert _told(_alert(NIGHT_MS), both) == ("drill", "warning")


def test_the_rules_that_a_window_can_name_are_those_there_are() -> None:
    told = set[str]()
    for file in Path(rules.__file__).parent.glob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            match node:
                case ast.AnnAssign(
                    target=ast.Name(id="RULE" | "FLOW" | "ABSENCE"), value=ast.Constant(value=str(name))
                ):
                    told.add(name)
                case ast.AnnAssign(target=ast.Name(id="SEVERITIES"), value=ast.Dict(keys=keys)):
                    told |= {key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
    assert told == set(get_args(Rule))
