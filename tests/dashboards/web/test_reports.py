"""Reports in the browser: asked for, shown as far as they are, fetched; what is refused asks for nothing."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from dashboards.api.maker import MOST_WAITING
from dashboards.web.reports import suggested_periods
from infra.period import named_period
from tests.dashboards.api.stage import ApiStage
from tests.dashboards.refusals import noting
from tests.dashboards.web.messages import ESTATE
from tests.dashboards.web.stage import Client, csrf

REPORTS = f"/e/{ESTATE}/reports"
Try = Callable[[ApiStage], httpx.Response]
TRIES: dict[str, tuple[Try, int]] = {}
refused = noting(TRIES)


@pytest.fixture
def stage(tmp_path: Path) -> ApiStage:
    return ApiStage(tmp_path)


def ask(client: Client, path: str = REPORTS, **fields: str) -> httpx.Response:
    return client.post(path, data={"csrf": csrf(client.get(f"/e/{ESTATE}/").text), "period": "2024-02"} | fields)


@pytest.mark.parametrize(
    ("fields", "days"),
    [
        ({"period": "2024-02"}, (date(2024, 2, 1), date(2024, 2, 29))),
        ({"period": " 2023H2 "}, (date(2023, 7, 1), date(2023, 12, 31))),
        ({"period": "", "first_day": "2024-02-27", "last_day": "2024-03-01"}, (date(2024, 2, 27), date(2024, 3, 1))),
        ({"first_day": "2024-02-27", "last_day": "2024-02-27"}, (date(2024, 2, 27), date(2024, 2, 27))),
    ],
)
def test_what_the_office_asks_for_waits_to_be_made(
    stage: ApiStage, fields: dict[str, str], days: tuple[date, date]
) -> None:
    client = stage.logged_in("li")
    done = ask(client, language="en", indicators="2020", **fields)
    assert (done.status_code, done.headers["location"]) == (303, REPORTS)
    (report,) = stage.shelf.waiting()
    assert (report.estate, report.first_day, report.last_day) == (ESTATE, *days)
    assert (report.language, report.indicators, report.asked_by) == ("en", "2020", "li")
    page = client.get(REPORTS).text
    for told in (
        f"{days[0]} – {days[1]}",
        "English",
        "财预〔2020〕10号",
        "排队中",
        "li，2024-03-01 12:00",
        " data-busy",
    ):
        assert told in page


def test_the_page_says_how_far_each_report_is(stage: ApiStage) -> None:
    client = stage.logged_in("li")
    assert "尚未申请过报告" in client.get(REPORTS).text
    done, running, failed = (stage.shelved(status) for status in ("done", "running", "failed"))
    stage.shelved(estate="elsewhere")
    stage.shelf.put(structs.replace(running, step="render", steps_done=2, steps=4))
    stage.shelf.put(structs.replace(failed, problem="no day <b>", remedy="run the nightly"))
    page = client.get(REPORTS).text
    assert page.count("<progress") == 1
    assert '<progress max="4" value="2"' in page
    for told in (
        "正在排版",
        "no day &lt;b&gt;",
        "run the nightly",
        "得分 87.50（可评 95 分），折合 92.10 分 优",
        "1351",
    ):
        assert told in page
    assert page.count('<p class="files">') == 1
    for kind in ("json", "pdf"):
        file = client.get(f"{REPORTS}/{done.id}/{kind}")
        assert file.content == f"{kind} of {done.id}".encode()
        assert f"{ESTATE}_2024-03-01_2024-03-31.{kind}" in file.headers["content-disposition"]
    assert [entry.what for entry in stage.audit.last(2)] == ["fetched", "fetched"]
    assert "87.50 of 95 points, 92.10 of 100" in client.get(f"{REPORTS}?lang=en").text


def test_only_the_office_is_led_there(stage: ApiStage) -> None:
    link = f'href="{REPORTS}"'
    assert [link in stage.logged_in(name).get(f"/e/{ESTATE}/").text for name in ("li", "wang", "ops")] == [
        True,
        False,
        False,
    ]


@refused(401)
def the_page_without_login(stage: ApiStage) -> httpx.Response:
    return stage.client().get(REPORTS)


@refused(401)
def asking_without_login(stage: ApiStage) -> httpx.Response:
    return stage.client().post(REPORTS, data={"period": "2024"})


@refused(401)
def a_file_without_login(stage: ApiStage) -> httpx.Response:
    return stage.client().get(f"{REPORTS}/{stage.shelved().id}/pdf")


@refused(403)
def a_guard_asks(stage: ApiStage) -> httpx.Response:
    return ask(stage.logged_in("wang"))


@refused(403)
def a_guard_fetches(stage: ApiStage) -> httpx.Response:
    return stage.logged_in("wang").get(f"{REPORTS}/{stage.shelved().id}/pdf")


@refused(403)
def an_operator_looks(stage: ApiStage) -> httpx.Response:
    return stage.logged_in("ops").get(REPORTS)


@refused(403)
def without_the_forms_token(stage: ApiStage) -> httpx.Response:
    return ask(stage.logged_in("li"), csrf="")


@refused(403)
def with_anothers_token(stage: ApiStage) -> httpx.Response:
    return ask(stage.logged_in("li"), csrf=csrf(stage.logged_in("li").get(f"/e/{ESTATE}/").text))


@refused(404)
def another_estate(stage: ApiStage) -> httpx.Response:
    return ask(stage.logged_in("li"), "/e/elsewhere/reports")


@refused(404)
def another_estates_report(stage: ApiStage) -> httpx.Response:
    return stage.logged_in("li").get(f"{REPORTS}/{stage.shelved(estate='elsewhere').id}/pdf")


@refused(404)
def a_path_instead_of_a_report(stage: ApiStage) -> httpx.Response:
    return stage.logged_in("li").get(f"{REPORTS}/..%2F..%2Fusers.json/pdf")


@refused(404)
def a_file_that_is_none(stage: ApiStage) -> httpx.Response:
    return stage.logged_in("li").get(f"{REPORTS}/{stage.shelved().id}/state.json")


@refused(404)
def a_file_that_is_not_made_yet(stage: ApiStage) -> httpx.Response:
    return stage.logged_in("li").get(f"{REPORTS}/{stage.shelved('waiting').id}/pdf")


@pytest.mark.parametrize("name", TRIES)
def test_a_try_is_refused_logged_and_asks_for_nothing(name: str, stage: ApiStage) -> None:
    one, status = TRIES[name]
    before = len(stage.shelf.waiting())
    answer = one(stage)
    assert answer.status_code == status, answer.text[:200]
    assert stage.refusals()[0].status == status
    assert stage.refusals()[0].detail
    assert len(stage.shelf.waiting()) == before + (name == "a_file_that_is_not_made_yet")


@pytest.mark.parametrize(
    "fields",
    [
        {"period": "2024-13"},
        {"period": ""},
        {"period": "2024; DROP"},
        {"first_day": "2024-03-01"},
        {"first_day": "2024-03-02", "last_day": "2024-03-01"},
        {"first_day": "2015-03-02", "last_day": "2024-03-01"},
        {"language": "fr"},
        {"indicators": "../../etc/passwd"},
    ],
)
def test_a_wrong_period_is_told_and_what_was_typed_stays(stage: ApiStage, fields: dict[str, str]) -> None:
    answer = ask(stage.logged_in("li"), **fields)
    assert answer.status_code == 422
    assert "期间无效" in answer.text
    typed = fields.get("first_day") or fields.get("period", "2024-02")
    assert f'value="{typed}"' in answer.text
    assert not stage.shelf.waiting()


def test_too_many_that_wait_are_told(stage: ApiStage) -> None:
    for _ in range(MOST_WAITING):
        stage.shelved("waiting")
    answer = ask(stage.logged_in("li"))
    assert answer.status_code == 429
    assert f"已有 {MOST_WAITING} 份报告在排队" in answer.text
    assert len(stage.shelf.waiting()) == MOST_WAITING


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_the_periods_that_are_suggested_are_the_last_whole_ones(today: date) -> None:
    periods = [named_period(text) for text in suggested_periods(today)]
    assert [period.days // 28 for period in periods] == [1, 3, 6, 13]
    for period in periods:
        assert period.last < today
        one_more = period.last + timedelta(days=1)
        length = {1: 1, 3: 3, 6: 6, 13: 12}[period.days // 28]
        later = (one_more.month - 1 + length) % 12 + 1, one_more.year + (one_more.month - 1 + length) // 12
        assert date(later[1], later[0], 1) > today, "the next one is not over yet"
