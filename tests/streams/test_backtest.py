"""Every alert rule on simulated days: no incident is missed, nothing is made up."""

from pathlib import Path

import pytest

from producers.simulate.scene import RULES
from streams.backtest import backtest, explains, scores
from tests.producers.helpers import WATCHED
from tests.streams.backtest import INCIDENTS, moving_in, simulated, table, usual
from tests.streams.stories import changed_site

WATCHFUL = changed_site({"plaza": {"gathering_persons": 140}}, {}, WATCHED)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_incident_is_one_alert_and_nothing_else_is(tmp_path: Path, seed: int) -> None:
    messages, incidents = simulated(tmp_path, INCIDENTS, seed)
    alerts = [alert for alert in backtest(messages, WATCHED, usual()).values() if not moving_in(alert)]
    assert len(incidents) == sum(INCIDENTS.values())
    explained = [[alert.rule for alert in alerts if explains(incident, alert)] for incident in incidents]
    assert explained == [[incident.rule] for incident in incidents]
    assert sum(score.false for score in scores(incidents, alerts)) == 0
    assert all(alert.status == "closed" for alert in alerts)


def test_normal_life_raises_nothing_where_gatherings_are_watched_too(tmp_path: Path) -> None:
    messages, _ = simulated(tmp_path, {}, 7)
    assert backtest(messages, WATCHFUL, {}) == {}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_crowd_is_a_gathering_too_where_one_is_watched_for(tmp_path: Path, seed: int) -> None:
    messages, (crowd,) = simulated(tmp_path, {"crowd": 1}, seed)
    alerts = backtest(messages, WATCHFUL, {}).values()
    watched = ["gathering"] if crowd.subject_id == "plaza" else []
    assert sorted(alert.rule for alert in alerts) == [*watched, "over_capacity"]
    assert {alert.zone_id for alert in alerts} == {crowd.subject_id}


def test_the_table_of_the_documents_is_made_again() -> None:
    lines = table(days=1).splitlines()
    assert len(lines) == 2 + len(set(RULES.values()))
    assert "| `fire_lane` | 1 | 1.000 | 0.00 |" in lines
