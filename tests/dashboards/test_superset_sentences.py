"""The sentences of alerts in Superset are those of the page: the dataset's SQL on the real ClickHouse."""

from datetime import UTC, date, datetime

import pytest

from dashboards.superset.assets import read_assets
from dashboards.superset.language import in_language
from infra.alert_sentences import NAME, SENTENCES, explained
from infra.alert_words import Language
from infra.events import Alert
from infra.settings import Settings
from tests.dashboards.web.messages import ESTATE, NOON, alert
from warehouse.client import connect
from warehouse.migrate import migrate

pytestmark = pytest.mark.stack

DAY, AT = date(2024, 3, 1), datetime.fromtimestamp(NOON / 1000, UTC)
VALUES = (160.4, 149.0, 0.0, 7.26, 3.0)


def _alerts() -> list[Alert]:
    """Of each rule one with all numbers and one without any, and one that no sentence knows."""
    made = [alert("new", rule="new_rule", why="as it is")]
    for rule, text in SENTENCES.items():
        names = [name for name in NAME.findall(text) if name not in {"rule", "picture"}]
        measured = {name: VALUES[n % len(VALUES)] for n, name in enumerate(names)}
        made += [alert(rule, rule=rule, measured=measured, why="full"), alert(f"{rule}0", rule=rule, why="bare")]
    return made


def test_superset_says_what_the_page_says(fresh: Settings) -> None:
    alerts = _alerts()
    migrate(fresh, (ESTATE,))
    with connect(fresh, "loader") as client:
        client.execute("INSERT INTO nightly_accounting (estate_id, day) VALUES", [(ESTATE, DAY)])
        client.execute(
            "INSERT INTO alerts (estate_id, day, alert_id, rule, zone_id, subject_id, severity, status, opened_time, "
            "updated_time, closed_time, published_time, revision, explanation, measured, evidence) VALUES",
            [
                (
                    *(ESTATE, DAY, a.alert_id, a.rule, a.zone_id, a.subject_id, a.severity, a.status),
                    *(AT, AT, None, AT, a.revision, a.explanation, a.measured, a.evidence),
                )
                for a in alerts
            ],
        )
    wanted: tuple[tuple[Language, str], ...] = (
        ("zh", "关闭时段内发现有人 160 次"),
        ("en", "160 signs of persons while closed"),
    )
    for language, expected in wanted:
        sql = in_language(read_assets(), language)["datasets/alerts.yaml"]["sql"]
        with connect(fresh, "analyst") as client:
            rows = client.execute(f"SELECT alert_id, explanation, rule_words FROM ({sql})")
        said = {name: words for name, words, _ in rows}
        assert said["restricted_hours"] == expected
        assert {name: words for name, _, words in rows} == {a.alert_id: a.explanation for a in alerts}
        if language == "zh":
            assert said == {a.alert_id: explained(a, "zh") for a in alerts}
