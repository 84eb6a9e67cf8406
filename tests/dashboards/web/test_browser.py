"""The live page in a real Chromium, on the real Kafka: what guards see and do; and what axe-core says of it."""

import os
from pathlib import Path

import msgspec
import pytest
from msgspec import structs
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.expected_conditions import presence_of_element_located

from dashboards.report.issue import run as issue_report
from dashboards.report.record import read_record
from infra.clock import MINUTE_MS
from infra.events import Disposition, encoder
from infra.settings import FULL_SITE, Settings
from infra.site import Site, load_site
from infra.topics import DISPOSITIONS, OCCUPANCY_LATEST, create_topics
from tests.dashboards.api.stage import ApiStage
from tests.dashboards.report_rows import DAYS, ESTATE, insert, make_rows
from tests.dashboards.report_rows import SITE as REPORTED
from tests.dashboards.web.browser import DESKTOP, PHONE, axe_script, chromium, log_in, served, violations, wait
from tests.dashboards.web.messages import SITE, alert, day_of, now_row
from tests.dashboards.web.page import add_user, now_ms, page_of, told
from tests.dashboards.web.stage import Stage
from tests.dashboards.web.test_ledger import WRONG
from tests.kafka_helpers import produce, read_all
from warehouse.client import connect
from warehouse.migrate import migrate

pytestmark = pytest.mark.stack


def test_an_alert_is_seen_within_two_seconds_and_answered_by_one_tap(fresh: Settings) -> None:
    password = add_user(fresh, "wang")
    row = now_row("plaza", now_ms(), 77)
    produce(fresh, OCCUPANCY_LATEST, [(b"plaza", encoder.encode(row), row.as_of_ms)])
    told(fresh, alert("before", at=now_ms() - MINUTE_MS, rule="e_bike", zone="building_1"))
    with page_of(fresh) as base, chromium(PHONE) as browser:
        log_in(browser, base, "wang", password)
        assert "77" in browser.find_element(By.ID, "z-plaza").text
        assert "电动车入楼" in browser.find_element(By.ID, "a-before").text
        wait(browser).until(lambda b: b.find_element(By.ID, "connection").text == "实时")

        began_ms = now_ms()
        told(fresh, alert("injected", at=began_ms))
        wait(browser).until(lambda b: b.find_elements(By.ID, "a-injected"))
        assert now_ms() - began_ms <= 2_000
        assert "水泵房" in str(browser.find_element(By.ID, "said").get_attribute("textContent"))
        first = browser.find_element(By.CSS_SELECTOR, "#cards > article")
        assert first.get_attribute("id") == "a-injected"

        browser.find_element(By.NAME, "note-injected").send_keys("已到现场")
        told(fresh, alert("later", at=now_ms(), severity="warning"))  # the page changes while somebody types
        wait(browser).until(lambda b: b.find_elements(By.ID, "a-later"))
        assert browser.switch_to.active_element.get_attribute("name") == "note-injected"
        browser.find_element(By.CSS_SELECTOR, "button[value='injected:acknowledged']").click()
        wait(browser).until(lambda b: "已到现场" in _text(b, "#a-injected .answer"))
    (message,) = read_all(fresh, DISPOSITIONS)
    said = msgspec.json.decode(message.value() or b"", type=Disposition)
    assert (message.key(), said.alert_id, said.verdict, said.by) == (b"pump_room", "injected", "unsure", "wang")
    assert said.note == "acknowledged: 已到现场"


def _text(browser: webdriver.Chrome, selector: str) -> str:
    return " ".join(one.text for one in browser.find_elements(By.CSS_SELECTOR, selector))


@pytest.mark.parametrize("site", [SITE, load_site(FULL_SITE)], ids=lambda site: site.estate.id)
def test_axe_finds_nothing(site: Site, stack: Settings, tmp_path: Path) -> None:
    stage = Stage(tmp_path, sites=[site])
    stage.give_estate("wang", site.estate.id)
    stage.clock.advance(now_ms() - stage.clock.now_ms())
    stage.tell(day_of(site, now_ms()))
    script = axe_script(stack)
    with served(stage.app) as base:
        for dark, size in ((False, PHONE), (True, DESKTOP)):
            with chromium(size, dark=dark) as browser:
                browser.get(f"{base}/login")
                assert violations(browser, script) == []
                log_in(browser, base, "wang")
                assert violations(browser, script) == []


def test_axe_finds_nothing_on_ledgers_and_figures(fresh: Settings, tmp_path: Path) -> None:
    """And an import by hand: a file with mistakes, one that is shown and confirmed, and the figure that it changes."""
    migrate(fresh, (ESTATE,))
    with connect(fresh, "migrator") as client:
        insert(client, make_rows())
    files = issue_report(fresh, REPORTED, *DAYS, ["json"], tmp_path / "report")
    funds = next(found for found in read_record(files.paths["json"]).evidence if found.query == "kpi_funds")
    spent = "编号,日期,类别,金额（元）,用途\nF1,2024-02-05,支出,1000,周界维护\nF2,2024-02-09,spent,2500.5,\n"
    for name, text in (("wrong.csv", WRONG), ("good.csv", spent)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    stage, script = Stage(tmp_path / "web", settings=fresh), axe_script(fresh)
    with served(stage.app) as base:
        for dark, size, name in ((False, PHONE, "phone"), (True, DESKTOP, "desktop")):
            with chromium(size, dark=dark) as browser:
                log_in(browser, base, "li")
                browser.find_element(By.LINK_TEXT, "台账").click()
                for file, seen in (("wrong.csv", ".mistakes"), ("good.csv", ".does-new, .does-unchanged")):
                    browser.find_element(By.ID, "file").send_keys(str(tmp_path / file))
                    browser.find_element(By.XPATH, "//button[.='查看内容']").click()
                    wait(browser).until(presence_of_element_located((By.CSS_SELECTOR, seen)))
                    assert violations(browser, script) == []
                    picture(browser, f"{file.removesuffix('.csv')}-{name}")
                browser.find_element(By.XPATH, "//button[.='确认导入']").click()
                wait(browser).until(lambda b: b.find_elements(By.CSS_SELECTOR, ".imports details"))
                assert violations(browser, script) == []
                browser.get(f"{base}{funds.address}#r1-spent_yuan")
                assert "结果不同" in browser.find_element(By.CSS_SELECTOR, ".banner").text
                assert browser.find_element(By.CSS_SELECTOR, ":target").text == "650000.0"
                assert violations(browser, script) == []
                picture(browser, f"figure-{name}")


def test_reports_are_asked_for_and_the_list_follows_them(stack: Settings, tmp_path: Path) -> None:
    stage, script = ApiStage(tmp_path), axe_script(stack)
    stage.shelved(files=("pdf", "docx", "xlsx", "json", "intoto.jsonl", "pub.pem", "zip"))
    with served(stage.app) as base:
        for dark, size, name in ((False, PHONE, "phone"), (True, DESKTOP, "desktop")):
            with chromium(size, dark=dark) as browser:
                log_in(browser, base, "li")
                browser.find_element(By.LINK_TEXT, "报告").click()
                browser.find_element(By.ID, "period").send_keys("2024-02")
                browser.find_element(By.XPATH, "//button[.='生成']").click()
                wait(browser).until(presence_of_element_located((By.CSS_SELECTOR, "[data-busy]")))
                (waiting,) = stage.shelf.waiting()
                stage.shelf.put(structs.replace(waiting, status="running", step="render", steps_done=2, steps=4))
                wait(browser).until(presence_of_element_located((By.CSS_SELECTOR, "progress")))
                assert violations(browser, script) == []
                picture(browser, f"reports-{name}")
                stage.shelf.put(structs.replace(waiting, status="failed", problem="no day is loaded"))
                wait(browser).until(lambda b: not b.find_elements(By.CSS_SELECTOR, "[data-busy]"))
                assert "no day is loaded" in browser.find_element(By.CSS_SELECTOR, ".imports .problem").text


def test_somebody_is_subscribed_and_removed_again(fresh: Settings, tmp_path: Path) -> None:
    create_topics(fresh)
    own = {"home": tmp_path / "home", "kafka": fresh.kafka_address()}
    stage, script = Stage(tmp_path, settings=fresh.model_copy(update=own)), axe_script(fresh)
    stage.give_estate("ops", ESTATE)
    with served(stage.app) as base:
        for dark, size, name in ((False, PHONE, "phone"), (True, DESKTOP, "desktop")):
            with chromium(size, dark=dark) as browser:
                log_in(browser, base, "ops")
                browser.find_element(By.LINK_TEXT, "通知").click()
                assert "不会送达任何人" in browser.find_element(By.CSS_SELECTOR, ".problem").text
                for field, text in (("name", name), ("who", "门岗"), ("where", "https://guard.example.com/hook")):
                    browser.find_element(By.ID, field).send_keys(text)
                browser.find_element(By.NAME, "severity-critical").click()
                browser.find_element(By.XPATH, "//button[.='保存']").click()
                wait(browser).until(presence_of_element_located((By.TAG_NAME, "code")))
                assert violations(browser, script) == []
                picture(browser, f"subscriptions-{name}")
                browser.find_element(By.CSS_SELECTOR, ".imports summary").click()
                browser.find_element(By.CSS_SELECTOR, ".imports button").click()
                wait(browser).until(presence_of_element_located((By.CSS_SELECTOR, ".problem")))


def picture(browser: webdriver.Chrome, name: str) -> None:
    """To be looked at, where LOOK names a folder."""
    if folder := os.environ.get("LOOK"):
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))


def test_the_keyboard_reaches_alerts_first(tmp_path: Path) -> None:
    stage = Stage(tmp_path, sites=[SITE])
    stage.clock.advance(now_ms() - stage.clock.now_ms())
    stage.tell(day_of(SITE, now_ms()))
    with served(stage.app) as base, chromium() as browser:
        log_in(browser, base, "wang")
        browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
        assert browser.switch_to.active_element.get_attribute("class") == "skip"
        browser.switch_to.active_element.send_keys(Keys.ENTER)
        browser.switch_to.active_element.send_keys(Keys.TAB)
        assert browser.switch_to.active_element.get_attribute("name") == "note-a1"
