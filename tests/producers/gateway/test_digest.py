"""Digest by RFC 7616's own example and by httpx's client; wrong, replayed and outdated answers are turned away."""

from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.gateway.digest import ALGORITHMS, NONCE_LIFE_MS, Digest, fields, response
from producers.gateway.door import Door, Rate
from tests.producers.gateway.samples import site

NOW_MS = 1_716_768_000_000
RFC = (
    'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm={algorithm},'
    ' nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001,'
    ' cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="x",'
    ' opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_the_standard(algorithm: str, expected: str) -> None:
    assert response(fields(RFC.format(algorithm=algorithm)), "GET", "Circle of Life") == expected


def answers(digest: Digest, algorithm: str, user: str, password: str, uri: str, now_ms: int) -> Iterator[str]:
    """Authorization headers of httpx's digest client: a first one, then more with the same nonce and a higher nc."""
    challenge = next(one for one in digest.challenges(now_ms, stale=False) if f"algorithm={algorithm}," in one)
    client = httpx.DigestAuth(user, password)
    while True:
        flow = client.auth_flow(httpx.Request("POST", f"http://gateway{uri}"))
        request = next(flow)
        if "Authorization" not in request.headers:
            request = flow.send(httpx.Response(401, headers={"WWW-Authenticate": challenge}, request=request))
        yield request.headers["Authorization"]


@pytest.fixture
def digest() -> Digest:
    """One user, cam."""
    return Digest({"cam": "right"}.get)


@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
def test_a_real_client_comes_in_and_a_replay_does_not(digest: Digest, algorithm: str) -> None:
    come = answers(digest, algorithm, "cam", "right", "/push/cam?x=1", NOW_MS)
    first, second = next(come), next(come)
    assert digest.check(first, "POST", "/push/cam?x=1", NOW_MS) == ("good", "cam")
    assert digest.check(first, "POST", "/push/cam?x=1", NOW_MS) == ("stale", "cam")
    assert digest.check(second, "POST", "/push/cam?x=1", NOW_MS) == ("good", "cam")
    assert digest.check(first, "POST", "/push/cam?x=1", NOW_MS)[0] == "stale"


@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
def test_who_is_wrong_stays_out(digest: Digest, algorithm: str) -> None:
    def check(user: str, password: str, method: str = "POST", target: str = "/push/cam") -> tuple[str, str]:
        return digest.check(
            next(answers(digest, algorithm, user, password, "/push/cam", NOW_MS)), method, target, NOW_MS
        )

    assert check("cam", "right") == ("good", "cam")
    assert check("cam", "wrong") == ("wrong", "")
    assert check("nobody", "right") == ("wrong", "")
    assert check("cam", "right", method="PUT") == ("wrong", "")
    assert check("cam", "right", target="/push/other") == ("wrong", "")


def test_a_nonce_grows_old_and_a_made_up_one_is_none(digest: Digest) -> None:
    come = next(answers(digest, "SHA-256", "cam", "right", "/push/cam", NOW_MS))
    assert digest.check(come, "POST", "/push/cam", NOW_MS + NONCE_LIFE_MS + 1)[0] == "stale"
    assert digest.check(come, "POST", "/push/cam", NOW_MS - 1)[0] == "stale"
    elsewhere = next(answers(Digest({"cam": "right"}.get), "SHA-256", "cam", "right", "/push/cam", NOW_MS))
    assert digest.check(elsewhere, "POST", "/push/cam", NOW_MS)[0] == "stale"


def test_used_nonces_are_forgotten_when_they_are_old() -> None:
    digest = Digest({"cam": "right"}.get)
    for minute in range(100):
        now_ms = NOW_MS + minute * 60_000
        assert (
            digest.check(next(answers(digest, "MD5", "cam", "right", "/p", now_ms)), "POST", "/p", now_ms)[0] == "good"
        )
    assert len(digest._used) <= NONCE_LIFE_MS // 60_000 + 2


@given(st.text(st.characters(max_codepoint=255), max_size=120))
def test_no_header_brings_it_down(text: str) -> None:
    for header in (
        text,
        f"Digest {text}",
        f'Digest username="cam", qop=auth, nc={text}, response="{text}", nonce="{text}"',
    ):
        assert Digest({"cam": "right"}.get).check(header, "POST", "/push/cam", NOW_MS)[0] == "wrong"


def test_a_token_is_for_cameras_that_speak_our_json_only() -> None:
    door = Door(site(), {"cam_door_1": "one", "cam_gate_north": "two"})
    assert door.admit("cam_door_1", "Bearer one", "POST", "/", NOW_MS) == "good"
    for camera, header in [
        ("cam_door_1", "Bearer two"),
        ("cam_door_1", "Bearer "),
        ("cam_gate_north", "Bearer two"),
        ("cam_nowhere", "Bearer one"),
        ("cam_door_1", ""),
    ]:
        assert door.admit(camera, header, "POST", "/", NOW_MS) == "wrong"


def test_a_camera_may_not_speak_for_another() -> None:
    door = Door(site(), {"cam_door_1": "one", "cam_gate_north": "two"})
    challenge = door.challenges(NOW_MS, stale=False)[0]
    flow = httpx.DigestAuth("cam_door_1", "one").auth_flow(httpx.Request("POST", "http://g/push/cam_gate_north"))
    request = next(flow)
    request = flow.send(httpx.Response(401, headers={"WWW-Authenticate": challenge}, request=request))
    header = request.headers["Authorization"]
    assert door.admit("cam_gate_north", header, "POST", "/push/cam_gate_north", NOW_MS) == "wrong"


def test_the_rate_allows_a_burst_and_then_so_many_a_second() -> None:
    rate = Rate(10)
    assert sum(rate.allows("cam", NOW_MS) for _ in range(200)) == 50
    assert sum(rate.allows("cam", NOW_MS + 1000) for _ in range(200)) == 10
    assert rate.allows("other", NOW_MS)
