"""The API on reports that lie there: what is listed, paged, cached and fetched; keys, limits, restarts."""

import asyncio
import hashlib
from datetime import date
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from typer.testing import CliRunner

from anfang import cli
from dashboards.api.keys import new_key
from dashboards.api.limits import Allowance
from dashboards.api.maker import Maker
from dashboards.api.shelf import STATE, Shelf, Status
from dashboards.api.views import NewReport
from infra.clock import FakeClock
from infra.errors import UserError
from infra.period import Period
from infra.settings import Settings
from tests.dashboards.api.stage import REPORTS, ApiStage
from tests.dashboards.web.messages import ESTATE, NOON, SITE


@pytest.fixture
def stage(tmp_path: Path) -> ApiStage:
    return ApiStage(tmp_path)


def test_a_report_that_was_asked_for_waits(stage: ApiStage) -> None:
    client = stage.key_holder(name="district")
    asked = client.post(REPORTS, json={"estate": ESTATE, "period": "2024Q1", "language": "en", "indicators": "2020"})
    assert asked.status_code == 202
    shown = client.get(asked.headers["location"])
    assert shown.json() == asked.json()
    told = shown.json()
    assert (told["status"], told["first_day"], told["last_day"]) == ("waiting", "2024-01-01", "2024-03-31")
    assert (told["language"], told["indicators"], told["asked_by"]) == ("en", "2020", "district")
    assert told["result"] is told["why"] is None
    (waiting,) = stage.shelf.waiting()
    assert (waiting.id, waiting.estate) == (told["id"], ESTATE)


@pytest.mark.parametrize("most", [1, 2, 3, 7, 100])
def test_pages_hold_every_report_once_newest_first(stage: ApiStage, most: int) -> None:
    ours = [stage.shelved().id for _ in range(7)]
    stage.shelved(estate="elsewhere")
    client, seen, address = stage.key_holder(), list[str](), f"{REPORTS}?limit={most}"
    while address:
        page = client.get(address)
        seen += [report["id"] for report in page.json()["reports"]]
        address = page.json()["next"] or ""
        assert page.headers.get("link", "") == (f'<{address}>; rel="next"' if address else "")
        stage.shelved(status="waiting")  # what comes meanwhile moves nothing
    assert seen == ours[::-1]


def test_a_list_is_narrowed_by_status_and_estate(stage: ApiStage) -> None:
    statuses: list[Status] = ["done", "failed", "waiting", "done"]
    made = [(status, stage.shelved(status).id) for status in statuses]
    theirs = stage.shelved(estate="elsewhere").id
    both = stage.key_holder(estates=[ESTATE, "elsewhere"])

    def listed(**narrow: str) -> list[str]:
        return [report["id"] for report in both.get(REPORTS, params=narrow).json()["reports"]]

    assert listed(status="done", estate=ESTATE) == [made[3][1], made[0][1]]
    assert listed(status="failed") == [made[1][1]]
    assert listed(estate="elsewhere") == [theirs]
    assert len(listed()) == 5


def test_what_has_not_changed_is_not_sent_again(stage: ApiStage) -> None:
    report, client = stage.shelved("running"), stage.key_holder()
    for address in (REPORTS, f"{REPORTS}/{report.id}"):
        tag = client.get(address).headers["etag"]
        again = client.get(address, headers={"If-None-Match": f'"other", W/{tag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert client.get(address, headers={"If-None-Match": '"other"'}).status_code == 200
    stage.shelf.put(structs.replace(report, step="render", steps_done=2, steps=4))
    changed = client.get(f"{REPORTS}/{report.id}", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.json()["progress"] == {"step": "render", "done": 2, "of": 4}


def test_files_are_fetched_as_they_are(stage: ApiStage) -> None:
    report, client = stage.shelved(files=["json", "pdf", "zip", "intoto.jsonl", "pub.pem"]), stage.key_holder()
    files = client.get(f"{REPORTS}/{report.id}").json()["result"]["files"]
    assert [file["kind"] for file in files] == ["pdf", "json", "manifest", "key", "bundle"]
    for file in files:
        fetched = client.get(file["href"])
        assert fetched.status_code == 200
        assert hashlib.sha256(fetched.content).hexdigest() == file["sha256"]
        assert len(fetched.content) == file["bytes"]
        assert fetched.headers["content-disposition"] == f'attachment; filename="{file["name"]}"'
        assert client.get(file["href"], headers={"If-None-Match": f'"{file["sha256"]}"'}).status_code == 304
    assert fetched.headers["content-type"] == "application/zip"


def test_after_a_restart_what_was_being_made_has_failed_and_what_waited_waits(tmp_path: Path) -> None:
    stage = ApiStage(tmp_path)
    done, running, waiting = (stage.shelved(status) for status in ("done", "running", "waiting"))
    (tmp_path / "reports" / ("0" * 19)).mkdir()
    (tmp_path / "reports" / ("0" * 19) / "state.json").write_text("{")
    again = Shelf(tmp_path / "reports")
    again.recover(stage.clock.now_ms())
    assert again.find(done.id) == stage.shelf.find(done.id)
    failed = again.find(running.id)
    assert failed is not None
    assert (failed.status, failed.problem) == (
        "failed",
        "the service was stopped while the report was being made",
    )
    assert [report.id for report in again.waiting()] == [waiting.id]
    assert Shelf(tmp_path / "reports").find(running.id) == failed


async def _all_ended(shelf: Shelf) -> None:
    async with asyncio.timeout(10):
        while shelf.waiting() or shelf.listed([ESTATE, "moon"], "running", "", 1):
            await asyncio.sleep(0)


def test_a_report_that_the_disk_refuses_has_failed_and_the_next_is_made(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "reports")
    maker = Maker(Settings(home=tmp_path), shelf, {ESTATE: SITE}, FakeClock(NOON))

    async def ask_two() -> None:
        async with maker.running():
            refused = maker.ask(NewReport(estate=ESTATE, period="2023"), "li")
            assert refused is not None
            (shelf.folder(refused) / STATE).unlink()
            shelf.folder(refused).rmdir()
            shelf.folder(refused).touch()  # no file can be written in it
            await _all_ended(shelf)
            maker.ask(NewReport(estate="moon", period="2023"), "li")
            await _all_ended(shelf)

    asyncio.run(ask_two())
    (refused,) = shelf.listed([ESTATE], None, "", 9)
    assert (refused.status, refused.problem.partition("]")[0]) == ("failed", "not made: [Errno 20")
    (other,) = Shelf(tmp_path / "reports").listed(["moon"], None, "", 9)
    assert (other.status, other.problem) == ("failed", "estate 'moon' is not served any more")


def test_a_proxys_path_is_in_every_address(tmp_path: Path) -> None:
    stage = ApiStage(tmp_path, root_path="/anfang")
    report, client = stage.shelved(), stage.key_holder()
    shown = client.get(f"/anfang{REPORTS}/{report.id}").json()
    assert client.get(shown["result"]["files"][0]["href"]).status_code == 200
    assert shown["href"].startswith("/anfang/api/v1/")
    assert client.get(f"{REPORTS}/{report.id}").status_code == 200  # a proxy that takes its path away
    assert client.get("/anfang/api/v1/nothing").json()["status"] == 404


def test_the_description_is_whole(stage: ApiStage) -> None:
    told = stage.client().get("/api/v1/openapi.json").json()
    page = stage.client().get("/api/v1/docs")
    assert page.status_code == 200
    assert told["openapi"].startswith("3.1")
    for path, methods in told["paths"].items():
        for method, does in methods.items():
            assert does["security"] == [{"HTTPBearer": []}]
            assert does["description"]
            assert "application/problem+json" in does["responses"]["404"]["content"]
            assert f"{method.upper()} /api/v1{path}" in page.text
    assert set(told["paths"]) == {
        "/reports",
        "/reports/{report_id}",
        "/reports/{report_id}/files/{kind}",
        "/figures/{figure_id}/{content}",
        "/subscriptions",
        "/subscriptions/{name}",
    }
    assert {server["url"] for server in told.get("servers", [])} == {"/api/v1"}


@pytest.mark.parametrize(
    ("given", "days"),
    [
        ({"period": "2024-02"}, Period(date(2024, 2, 1), date(2024, 2, 29))),
        ({"first_day": "2024-03-01", "last_day": "2024-03-01"}, Period(date(2024, 3, 1), date(2024, 3, 1))),
    ],
)
def test_days_are_named_or_given(given: dict[str, str], days: Period) -> None:
    assert NewReport.model_validate({"estate": ESTATE, **given}).days() == days


def test_a_wrong_value_is_named_by_its_pointer(stage: ApiStage) -> None:
    wrong: dict[str, object] = {"estate": ESTATE, "first_day": "2024-02-30", "last_day": "2024-03-01", "langauge": "en"}
    errors = stage.key_holder().post(REPORTS, json=wrong).json()["errors"]
    assert [error["pointer"] for error in errors] == ["#/first_day", "#/langauge"]


@given(st.lists(st.integers(0, 5_000), max_size=60), st.integers(1, 5), st.integers(1, 4_000))
def test_an_allowance_never_lets_more_through_than_twice_in_a_window(steps: list[int], most: int, window: int) -> None:
    """A leaky bucket lets `most` through at once and as many more while it drains; and never refuses for longer."""
    allowance, now_ms, let = Allowance(most, window), 0, list[int]()
    for step in steps:
        now_ms += step
        wait_s = allowance.wait_s("who", now_ms)
        if wait_s == 0:
            let.append(now_ms)
            assert sum(now_ms - window < past <= now_ms for past in let) <= 2 * most
        else:
            assert len(let) >= most
            assert (wait_s - 1) * 1_000 < window / most
        assert sum(past == now_ms for past in let) <= most


def test_keys_are_made_listed_and_revoked_by_commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANFANG_HOME", str(tmp_path))
    runner = CliRunner()
    add = ["api", "keys", "add", "district", "--scope", "reports:read"]
    made = runner.invoke(cli, [*add, "--estate", ESTATE, "--days", "30"])
    assert made.exit_code == 0, made.output
    token = made.output.split()[-1]
    (kept,) = msgspec.json.decode((tmp_path / "secrets" / "api-keys.json").read_bytes())
    assert kept["sha256"] == hashlib.sha256(token.encode()).hexdigest()
    assert token.split("_")[1] == kept["id"]
    assert token not in runner.invoke(cli, ["api", "keys", "list"]).output
    listed = runner.invoke(cli, ["api", "keys", "list"]).output.split("\t")
    assert listed[:5] == [kept["id"], "district", "valid", "reports:read", ESTATE]
    assert runner.invoke(cli, ["api", "keys", "revoke", kept["id"]]).exit_code == 0
    assert "\trevoked\t" in runner.invoke(cli, ["api", "keys", "list"]).output
    with pytest.raises(UserError, match="is revoked already"):
        runner.invoke(cli, ["api", "keys", "revoke", kept["id"]], catch_exceptions=False)


def test_what_a_key_must_be() -> None:
    for name, scopes, told in (
        ("District 1", ["reports:read"], "key name 'District 1'"),
        ("district", ["reports:delete"], "scope reports:delete"),
        ("district", [], "scope none"),
    ):
        with pytest.raises(UserError, match=told):
            new_key(name, scopes, [ESTATE], None, 0)
