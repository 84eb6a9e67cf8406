"""The page by HTTP: what it shows to whom, what is recorded, languages, one-tap links; without Kafka."""

import asyncio
from pathlib import Path

import pytest

from dashboards.web.board import Told
from dashboards.web.live import MOST_WAITING, PING, REMEMBERED, Live, Viewers
from dashboards.web.render import Renderer, recording
from dashboards.web.words import LANGS, WORDS, Words
from infra.clock import DAY_MS, HOUR_MS, MINUTE_MS
from infra.links import VERDICTS, LinkVerdict, VerdictLink, sign
from tests.dashboards.web.messages import ESTATE, NOON, SITE, alert, answer, day_of, minute, now_row
from tests.dashboards.web.stage import LINK_KEY, OTHER, Stage, csrf, decoded

ZONE = SITE.zones[-2].id  # of the alert a1


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, day_of(SITE))


def test_a_guard_comes_from_the_login_to_the_page(stage: Stage) -> None:
    client = stage.client()
    assert client.get("/").headers["location"] == "/login"
    client = stage.logged_in()
    assert client.get("/").headers["location"] == f"/e/{ESTATE}/"
    html = client.get(f"/e/{ESTATE}/").text
    for told in ("示范花园小区", "中心广场", "128", "禁入时段有人", "person seen at 11:56:58", "已派人查看", "未知"):
        assert told in html
    assert 'lang="zh-CN"' in html


def test_the_interval_and_the_hatch_are_shown(stage: Stage) -> None:
    stage.tell([now_row("plaza", NOON, 77, "partial", ESTATE)])
    fragments = stage.estates[0].shown["en"].fragments
    assert "<b>77</b>" in fragments["z-plaza"]
    assert "68–88" in fragments["z-plaza"]
    assert "partly covered" in fragments["z-plaza"]
    assert 'fill="url(#hatch)"' in fragments["p-plaza"]
    assert "68–88" in fragments["n-plaza"]


def test_an_old_number_leaves_the_page_by_itself(stage: Stage) -> None:
    stage.tell([now_row("plaza", NOON, 77, "full", ESTATE)])
    stage.clock.advance(6 * MINUTE_MS)
    event = stage.estates[0].tick(stage.clock.now_ms())["zh"][1]
    swap = decoded(event)["swap"]
    assert isinstance(swap, dict)
    assert "未知" in swap["z-plaza"]
    assert "77" not in swap["z-plaza"].split("<svg")[0]
    assert "url(#hatch)" in swap["p-plaza"]


def test_only_what_changed_is_sent(stage: Stage) -> None:
    live = stage.estates[0]
    assert live.tick(NOON) == {}
    live.take([now_row("plaza", NOON - 10_000, 12)])
    swap = decoded(live.tick(NOON)["zh"][1])["swap"]
    assert isinstance(swap, dict)
    assert swap.keys() == {"z-plaza", "p-plaza", "n-plaza"}


def test_events_lead_from_any_version_to_the_present_page() -> None:
    live = Live(SITE)
    pages: list[dict[str, str]] = []
    steps: list[list[Told]] = [
        [now_row("plaza", NOON, 5)],
        [alert("a1"), now_row("plaza", NOON + 1, 6)],
        [answer("a1"), alert("a2", rule="e_bike")],
        [alert("a2", revision=2, rule="e_bike", closed_ms=NOON - 23 * HOUR_MS)],
        [alert("a3"), minute("plaza", NOON, 30)],
    ]
    for n, messages in enumerate(steps):
        live.take(messages)
        live.publish(live.tick(NOON + n * HOUR_MS))
        pages.append(dict(live.shown["zh"].fragments))
    for version, before in enumerate([{}, *pages]):
        assert _led_on(before, live.first("zh", version)) == pages[-1]


def test_who_was_away_for_long_gets_the_whole() -> None:
    live, pages = Live(SITE), [dict[str, str]()]
    for n in range(REMEMBERED + 2):
        live.take([now_row("plaza", NOON + n, float(n))] if n else [alert("a1"), now_row("plaza", NOON, 0)])
        live.publish(live.tick(NOON))
        pages.append(dict(live.shown["zh"].fragments))
    assert len(live.first("zh", 0)) == len(live.first("zh", 1)) == 1
    assert len(live.first("zh", 2)) == REMEMBERED
    for version in (0, 1, 2, 3, REMEMBERED + 2):
        assert _led_on(pages[version], live.first("zh", version)) == pages[-1]


def _led_on(page: dict[str, str], events: list[bytes]) -> dict[str, str]:
    """What the script makes of the page."""
    now = dict(page)
    for event in events:
        if event != PING:
            told = decoded(event)
            assert isinstance(told["swap"], dict)
            assert isinstance(told["order"], list)
            cards = {f"a-{name}" for name in told["order"]}
            now = {name: html for name, html in (now | told["swap"]).items() if name[:2] != "a-" or name in cards}
    return now


def test_who_does_not_read_is_dropped_and_others_go_on() -> None:
    async def look() -> tuple[int, int, list[bytes], bool]:
        viewers = Viewers()
        slow, quick = viewers.events(lambda: [b"first"]), viewers.events(lambda: [b"first"])
        assert (await anext(slow), await anext(quick)) == (b"first", b"first")
        got = []
        for n in range(MOST_WAITING + 1):
            viewers.publish(n, b"%d" % n)
            got.append(await anext(quick))
        ended = await anext(slow, None) is None
        return len(viewers), viewers.dropped, got, ended

    left, dropped, got, ended = asyncio.run(look())
    assert (left, dropped, ended) == (1, 1, True)
    assert got == [b"%d" % n for n in range(MOST_WAITING + 1)]


def test_a_viewer_who_leaves_is_forgotten() -> None:
    async def look() -> int:
        viewers = Viewers()
        stream = viewers.events(lambda: [b"first"])
        await anext(stream)
        await stream.aclose()
        return len(viewers)

    assert asyncio.run(look()) == 0


@pytest.mark.parametrize("said", VERDICTS)
def test_one_tap_is_recorded_under_the_name_of_who_tapped(stage: Stage, said: LinkVerdict) -> None:
    client = stage.logged_in()
    token = csrf(client.get(f"/e/{ESTATE}/").text)
    fields = {"csrf": token, "say": f"a1:{said}", "note-a1": " 已到\n现场 ", "note-a2": "not this"}
    done = client.post(f"/e/{ESTATE}/say", data=fields, headers={"Accept": "application/json"})
    assert done.status_code == 204
    ((sent, zone),) = stage.kept.sent
    assert (sent.alert_id, sent.by, sent.estate_id, sent.event_ms) == ("a1", "wang", ESTATE, NOON)
    assert zone == ZONE
    assert sent.verdict == ("unsure" if said == "acknowledged" else said)
    assert sent.note == ("acknowledged: 已到现场" if said == "acknowledged" else "已到现场")
    stage.tell([sent])
    card = stage.estates[0].shown["zh"].fragments["a-a1"]
    assert "wang" in card
    assert "已到现场" in card
    assert "acknowledged" not in card.split("<details>")[0]
    assert [entry.detail for entry in stage.audit.last(9) if entry.what == "decided"] == [f"a1: {said}"]


def test_what_kafka_did_not_take_is_said(stage: Stage) -> None:
    client = stage.logged_in()
    token = csrf(client.get(f"/e/{ESTATE}/").text)
    stage.kept.takes = False
    assert client.post(f"/e/{ESTATE}/say", data={"csrf": token, "say": "a1:true"}).status_code == 503
    assert "decided" not in {entry.what for entry in stage.audit.last(9)}


def test_without_a_script_the_form_leads_back_to_the_page(stage: Stage) -> None:
    client = stage.logged_in()
    token = csrf(client.get(f"/e/{ESTATE}/").text)
    done = client.post(f"/e/{ESTATE}/say", data={"csrf": token, "say": "a1:benign"})
    assert (done.status_code, done.headers["location"]) == (303, f"/e/{ESTATE}/")


def test_english_is_remembered(stage: Stage) -> None:
    client = stage.logged_in()
    assert "Persons by zone" in client.get(f"/e/{ESTATE}/?lang=en").text
    assert "Persons by zone" in client.get(f"/e/{ESTATE}/").text


def test_every_word_is_there_in_both_languages() -> None:
    for key, words in WORDS.items():
        assert len(words) == len(LANGS), key
        assert all(word.strip() for word in words), key
    assert Words("zh").rule("a_rule_of_tomorrow") == "a_rule_of_tomorrow"


def test_what_cameras_and_people_say_is_escaped(stage: Stage) -> None:
    bad = "<script>alert(1)</script>\"'><img src=x>"
    stage.tell([alert("x1", why=bad, suppressed=bad, rule=bad[:90], severity="warning"), answer("x1", note=bad)])
    card = stage.estates[0].shown["zh"].fragments["a-x1"]
    assert "<script" not in card
    assert "<img" not in card
    assert "&lt;script&gt;" in card


def test_a_proxy_path_is_in_every_address(tmp_path: Path) -> None:
    stage = Stage(tmp_path, day_of(SITE), root_path="/anfang")
    client = stage.logged_in()
    assert client.get("/anfang/").headers["location"] == f"/anfang/e/{ESTATE}/"
    html = client.get(f"/anfang/e/{ESTATE}/").text
    for part in html.split('href="/')[1:] + html.split('src="/')[1:] + html.split('action="/')[1:]:
        assert part.startswith("anfang/"), part[:60]
    assert client.get("/login").status_code == 200  # a proxy that takes its path away
    assert client.get("/").headers["location"] == "/anfang/login"
    assert all(cookie.path == "/anfang" for cookie in client.cookies.jar)


def test_the_recording_of_the_moment_is_linked() -> None:
    estate = SITE.estate.model_copy(update={"recorder_url": "https://nvr.example/play?c={camera}&t={ms}"})
    site = SITE.model_copy(update={"estate": estate})
    assert recording(site, alert(at=NOON)) == f"https://nvr.example/play?c=cam_perimeter&t={NOON - 10_000}"
    assert recording(SITE, alert()) is None
    live = Live(site)
    live.take([alert(at=NOON)])
    live.tick(NOON)
    assert "https://nvr.example/play?c=cam_perimeter&amp;t=" in live.shown["zh"].fragments["a-a1"]


def test_an_alert_is_named_after_what_it_is_about() -> None:
    renderer = Renderer(SITE, "zh")
    named = {subject: renderer.about(alert(subject=subject)) for subject in ("plaza", "cam_plaza", "gate_north", "a7")}
    assert named == {"plaza": "中心广场", "cam_plaza": "广场全景", "gate_north": "北门人行通道", "a7": "水泵房"}


def link(
    verdict: LinkVerdict = "true",
    alert_id: str = "a1",
    zone: str = ZONE,
    ends: int = NOON + DAY_MS,
    estate: str = ESTATE,
) -> str:
    return sign(VerdictLink(alert_id, zone, "guards_night", verdict, ends, estate), LINK_KEY)


def test_a_link_shows_and_records_only_when_confirmed(stage: Stage) -> None:
    client = stage.client()
    shown = client.get(f"/d/{link()}")
    assert shown.status_code == 200
    assert "属实" in shown.text
    assert "关闭时段内发现有人 2 次" in shown.text
    assert stage.kept.sent == []
    assert client.post(f"/d/{link()}", data={"note": "在现场"}).status_code == 200
    ((sent, zone),) = stage.kept.sent
    assert (sent.alert_id, sent.verdict, sent.by, sent.note, zone) == ("a1", "true", "guards_night", "在现场", ZONE)
    decided = [entry for entry in stage.audit.last(9) if entry.what == "decided"]
    assert [(entry.user, entry.target) for entry in decided] == [("guards_night", "POST /d/…")]


def test_a_link_twice_is_one_disposition(stage: Stage) -> None:
    client = stage.client()
    for _ in range(2):
        client.post(f"/d/{link('acknowledged')}", data={"note": ""})
    (first, _), (second, _) = stage.kept.sent
    assert first.disposition_id == second.disposition_id
    assert (first.verdict, first.note) == ("unsure", "acknowledged")


def test_a_link_to_an_alert_that_is_long_over_still_counts(stage: Stage) -> None:
    client = stage.client()
    assert "24 小时" in client.get(f"/d/{link(alert_id='gone')}").text
    assert client.post(f"/d/{link(alert_id='gone')}", data={"note": ""}).status_code == 200
    assert stage.kept.sent[0][0].estate_id == ESTATE


def test_a_link_is_of_its_estate_though_another_has_zones_of_the_same_names(stage: Stage) -> None:
    assert ZONE in OTHER.zone
    client = stage.client()
    assert client.post(f"/d/{link(alert_id='gone', estate=OTHER.estate.id)}", data={"note": ""}).status_code == 200
    assert client.post(f"/d/{link(alert_id='gone', estate='moon')}", data={"note": ""}).status_code == 404
    assert [sent.estate_id for sent, _ in stage.kept.sent] == [OTHER.estate.id]


def test_a_page_of_an_earlier_process_gets_the_whole() -> None:
    live = Live(SITE, begun_ms=NOON)
    live.take([alert("a1"), now_row("plaza", NOON, 0)])
    live.publish(live.tick(NOON))
    for version in (0, 1, 40, NOON - 1):
        (event,) = live.first("zh", version)
        assert _led_on({}, [event]) == live.shown["zh"].fragments
