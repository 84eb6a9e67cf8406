"""The whole way of an alert: seen on the page, answered with one tap, and in Superset after the nightly."""

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.by import By

import batch.nightly
from dashboards.superset import server
from dashboards.superset.api import connect
from dashboards.superset.people import role_of
from dashboards.superset.transfer import import_assets
from infra.clock import local_day
from infra.settings import Settings
from infra.topics import DISPOSITIONS
from tests.dashboards.superset_api import chart_named, person, rows_of
from tests.dashboards.web.browser import PHONE, chromium, log_in, wait
from tests.dashboards.web.messages import ESTATE, SITE, alert
from tests.dashboards.web.page import add_user, now_ms, page_of, told
from tests.kafka_helpers import read_all
from warehouse.migrate import migrate

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(1200)]


@pytest.fixture
def superset(fresh: Settings) -> Iterator[Settings]:
    """Superset on an empty warehouse."""
    migrate(fresh, (ESTATE,))
    try:
        server.start(fresh)
        yield fresh
    finally:
        server.stop(fresh)


def test_an_alert_answered_on_the_page_is_in_superset_after_the_nightly(superset: Settings) -> None:
    opened_ms, password = now_ms(), add_user(superset, "wang")
    with page_of(superset) as base, chromium(PHONE) as browser:
        log_in(browser, base, "wang", password)
        told(superset, alert("injected", at=opened_ms, measured={"signs": 2.0}))
        wait(browser).until(lambda b: b.find_elements(By.ID, "a-injected"))
        assert "关闭时段内发现有人 2 次" in browser.find_element(By.ID, "a-injected").text
        browser.find_element(By.CSS_SELECTOR, "button[value='injected:true']").click()
        wait(browser).until(lambda b: b.find_elements(By.CSS_SELECTOR, "#a-injected .answer"))
    assert len(read_all(superset, DISPOSITIONS)) == 1

    day = local_day(opened_ms, SITE.tz)
    batch.nightly.run(superset, SITE, day, 2)  # two, as the answer may lie behind midnight
    admin = connect(superset)
    import_assets(superset, admin)  # makes the roles of the estates that are loaded by now

    analyst = person(superset, admin, ["Alpha", role_of(ESTATE)])
    (row,) = rows_of(analyst, chart_named(analyst, "告警清单"))
    assert row["rule_name"] == "禁入时段有人"
    assert row["zone_name"] == "水泵房"
    assert row["verdict_name"] == "属实"
    assert row["explanation"] == "关闭时段内发现有人 2 次"
    stranger = person(superset, admin, ["Alpha"])
    assert rows_of(stranger, chart_named(stranger, "告警清单")) == []
