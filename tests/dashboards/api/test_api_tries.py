"""Tries at the API that must all be refused as problems, leave nothing behind, and stand in the audit."""

import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from dashboards.api.limits import CREATIONS, FAILURES, REQUESTS
from dashboards.api.maker import MOST_WAITING
from infra.clock import DAY_MS
from tests.dashboards.api.stage import REPORTS, ApiStage
from tests.dashboards.refusals import noting
from tests.dashboards.web.messages import ESTATE
from tests.dashboards.web.stage import Client

Try = Callable[[ApiStage], httpx.Response]
TRIES: dict[str, tuple[Try, int]] = {}
refused = noting(TRIES)
MONTH: dict[str, object] = {"estate": ESTATE, "period": "2024-03"}


def ask(client: Client, **changes: object) -> httpx.Response:
    return client.post(REPORTS, json=MONTH | changes)


@refused(401)
def no_key(stage: ApiStage) -> httpx.Response:
    return stage.client().get(REPORTS)


@refused(401)
def no_key_to_create(stage: ApiStage) -> httpx.Response:
    return ask(stage.client())


@refused(401)
def a_wrong_body_says_nothing_without_a_key(stage: ApiStage) -> httpx.Response:
    return ask(stage.client(), more=1)


@refused(401)
def an_invented_key(stage: ApiStage) -> httpx.Response:
    return stage.bearer("anfang_00000000_" + "A" * 43).get(REPORTS)


@refused(401)
def a_key_with_a_letter_changed(stage: ApiStage) -> httpx.Response:
    token = stage.key()[1]
    return stage.bearer(token[:-1] + ("B" if token[-1] != "B" else "C")).get(REPORTS)


@refused(401)
def the_hash_instead_of_the_key(stage: ApiStage) -> httpx.Response:
    return stage.bearer(stage.key()[0].sha256).get(REPORTS)


@refused(401)
def a_key_as_password(stage: ApiStage) -> httpx.Response:
    client = stage.client()
    client.headers["Authorization"] = f"Basic {stage.key()[1]}"
    return client.get(REPORTS)


@refused(401)
def a_key_in_the_address(stage: ApiStage) -> httpx.Response:
    return stage.client().get(REPORTS, params={"access_token": stage.key()[1]})


@refused(401)
def a_revoked_key(stage: ApiStage) -> httpx.Response:
    key, token = stage.key()
    stage.keys.revoke(key.id, stage.clock.now_ms())
    return stage.bearer(token).get(REPORTS)


@refused(401)
def a_key_that_has_ended(stage: ApiStage) -> httpx.Response:
    client = stage.bearer(stage.key(days=30)[1])
    assert client.get(REPORTS).status_code == 200
    stage.clock.advance(30 * DAY_MS)
    return client.get(REPORTS)


@refused(403)
def creating_without_the_scope(stage: ApiStage) -> httpx.Response:
    return ask(stage.key_holder(scopes=["reports:read"]))


@refused(403)
def reading_without_the_scope(stage: ApiStage) -> httpx.Response:
    return stage.key_holder(scopes=["reports:create"]).get(REPORTS)


@refused(403)
def fetching_without_the_scope(stage: ApiStage) -> httpx.Response:
    report = stage.shelved()
    return stage.key_holder(scopes=["reports:create"]).get(f"{REPORTS}/{report.id}/files/pdf")


@refused(404)
def a_report_of_another_estate(stage: ApiStage) -> httpx.Response:
    return ask(stage.key_holder(), estate="elsewhere")


@refused(404)
def a_report_of_an_estate_that_is_not_served(stage: ApiStage) -> httpx.Response:
    return ask(stage.key_holder(estates=["nowhere"]), estate="nowhere")


@refused(404)
def another_estates_list(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().get(REPORTS, params={"estate": "elsewhere"})


@refused(404)
def another_estates_status(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().get(f"{REPORTS}/{stage.shelved(estate='elsewhere').id}")


@refused(404)
def another_estates_file(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().get(f"{REPORTS}/{stage.shelved(estate='elsewhere').id}/files/json")


@refused(404)
def a_path_up_as_id(stage: ApiStage) -> httpx.Response:
    stage.shelved()
    return stage.key_holder().get(f"{REPORTS}/..%2f..%2fsecrets/files/json")


@refused(404)
def a_path_up_as_kind(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().get(f"{REPORTS}/{stage.shelved().id}/files/..%2fstate.json")


@refused(404)
def a_path_up_in_plain(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().get(f"{REPORTS}/%2e%2e/%2e%2e/%2e%2e/secrets/keys.json")


@refused(404)
def a_state_as_file(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().get(f"{REPORTS}/{stage.shelved().id}/files/state.json")


@refused(404)
def a_file_before_it_is_made(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().get(f"{REPORTS}/{stage.shelved('running').id}/files/pdf")


@refused(404)
def an_id_with_a_zero_byte(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().get(f"{REPORTS}/{stage.shelved().id}%00")


@refused(404)
def an_address_that_is_none(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().get("/api/v1/keys")


@refused(405)
def deleting(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().request("DELETE", f"{REPORTS}/{stage.shelved().id}")


@refused(405)
def posting_to_a_report(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().post(f"{REPORTS}/{stage.shelved().id}", json=MONTH)


@refused(413)
def a_body_that_is_too_large(stage: ApiStage) -> httpx.Response:
    return ask(stage.key_holder(), more="x" * 20_000)


@refused(413)
def a_large_body_without_its_length(stage: ApiStage) -> httpx.Response:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1_000

    return stage.key_holder().post(REPORTS, content=chunks(), headers={"Content-Type": "application/json"})


@refused(414)
def an_address_that_is_too_long(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().get(REPORTS, params={"cursor": "0" * 3_000})


@refused(415)
def a_form(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().post(REPORTS, data={"estate": ESTATE, "period": "2024-03"})


@refused(403)
def another_sites_script(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().post(REPORTS, json=MONTH, headers={"Origin": "https://evil.example"})


@refused(422)
def no_json(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().post(REPORTS, content=b'{"estate":', headers={"Content-Type": "application/json"})


@refused(400)
def json_nested_without_end(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().post(REPORTS, content=b"[" * 15_000, headers={"Content-Type": "application/json"})


@refused(422)
def no_period(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().post(REPORTS, json={"estate": ESTATE})


@refused(422)
def period_and_days(stage: ApiStage) -> httpx.Response:
    return ask(stage.key_holder(), first_day="2024-03-01", last_day="2024-03-31")


@refused(422)
def a_period_that_is_none(stage: ApiStage) -> httpx.Response:
    return ask(stage.key_holder(), period="2024-13")


@refused(422)
def a_century(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().post(
        REPORTS, json={"estate": ESTATE, "first_day": "1924-01-01", "last_day": "2024-01-01"}
    )


@refused(422)
def an_indicator_file_of_their_own(stage: ApiStage) -> httpx.Response:
    return ask(stage.key_holder(), indicators="/etc/passwd")


@refused(422)
def a_folder_of_their_own(stage: ApiStage) -> httpx.Response:
    return ask(stage.key_holder(), out_dir="/tmp")


@refused(422)
def options_in_the_language(stage: ApiStage) -> httpx.Response:
    return ask(stage.key_holder(), language="zh --out /tmp")


@refused(422)
def sql_in_the_days(stage: ApiStage) -> httpx.Response:
    days = {"first_day": "2024-03-01' OR 1=1 --", "last_day": "2024-03-31"}
    return stage.key_holder().post(REPORTS, json={"estate": ESTATE, **days})


@refused(404)
def sql_in_the_estate(stage: ApiStage) -> httpx.Response:
    return ask(stage.key_holder(), estate="demo_garden' OR '1'='1")


@refused(400)
def an_injected_parameter(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().get(REPORTS, params={"asked_by": "ops"})


@refused(400)
def a_parameter_twice(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().get(f"{REPORTS}?estate={ESTATE}&estate=elsewhere")


@refused(400)
def a_parameter_on_creation(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().post(f"{REPORTS}?estate=elsewhere", json=MONTH)


@refused(400)
def an_invented_cursor(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().get(REPORTS, params={"cursor": "../../state"})


@refused(422)
def a_page_that_is_too_large(stage: ApiStage) -> httpx.Response:
    return stage.key_holder().get(REPORTS, params={"limit": "1000000"})


@refused(429)
def too_many_requests(stage: ApiStage) -> httpx.Response:
    client = stage.key_holder()
    for _ in range(REQUESTS[0]):
        assert client.get(REPORTS).status_code == 200
    return client.get(REPORTS)


@refused(429)
def too_many_reports(stage: ApiStage) -> httpx.Response:
    client = stage.key_holder(estates=[ESTATE, "elsewhere"])
    for n in range(CREATIONS[0]):
        assert ask(client, estate=(ESTATE, "elsewhere")[n % 2]).status_code == 202
    return ask(client)


@refused(429)
def too_many_that_wait(stage: ApiStage) -> httpx.Response:
    for _ in range(MOST_WAITING):
        stage.shelved("waiting")
    return ask(stage.key_holder())


@refused(429)
def guessing_keys(stage: ApiStage) -> httpx.Response:
    for n in range(FAILURES[0]):
        assert stage.bearer(f"anfang_{n:08x}_guess").get(REPORTS).status_code == 401
    return stage.bearer("anfang_ffffffff_guess").get(REPORTS)


@pytest.mark.parametrize("name", TRIES)
def test_a_try_is_refused_logged_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    stage = ApiStage(tmp_path)
    one, status = TRIES[name]
    answer = one(stage)
    said = answer.json()
    assert (answer.status_code, said["status"]) == (status, status), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail"} <= said.keys()
    assert stage.refusals()[0].status == status
    assert stage.refusals()[0].detail
    for secret in ("示范花园", "别处", "elsewhere", str(tmp_path), "passwd", "guess"):
        assert secret not in answer.text
    if status == 429:
        assert int(answer.headers["retry-after"]) > 0
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")
    if status != 429:
        assert stage.shelf.waiting() == []


def test_a_wrong_key_does_not_lock_out_a_right_one(tmp_path: Path) -> None:
    stage = ApiStage(tmp_path)
    for _ in range(FAILURES[0] + 1):
        stage.bearer("anfang_00000000_guess").get(REPORTS)
    assert stage.key_holder().get(REPORTS).status_code == 200


def test_who_waits_as_long_as_told_may_ask_again(tmp_path: Path) -> None:
    stage = ApiStage(tmp_path)
    client, other = stage.key_holder(name="one"), stage.key_holder(name="two")
    while (answer := client.get(REPORTS)).status_code == 200:
        pass
    assert other.get(REPORTS).status_code == 200
    stage.clock.advance(int(answer.headers["retry-after"]) * 1_000)
    assert client.get(REPORTS).status_code == 200


def test_no_key_is_in_any_file_and_files_are_private(tmp_path: Path) -> None:
    stage = ApiStage(tmp_path)
    token = stage.key()[1]
    client = stage.bearer(token)
    ask(client)
    client.get(REPORTS)
    stage.bearer(f"{token}x").get(REPORTS)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert token not in path.read_text()
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_the_audit_says_which_key_did_what(tmp_path: Path) -> None:
    stage = ApiStage(tmp_path)
    client, report = stage.key_holder(name="district"), stage.shelved()
    made = ask(client).json()["id"]
    client.get(f"{REPORTS}/{report.id}/files/pdf")
    told = [(entry.what, entry.user, entry.detail) for entry in stage.audit.last(9)]
    assert told == [
        ("fetched", "key district", f"{ESTATE}_2024-03-01_2024-03-31.pdf"),
        ("report", "key district", f"{made}: {ESTATE} 2024-03-01 to 2024-03-31"),
    ]
