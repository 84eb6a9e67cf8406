"""What the tests of the live page share: the page on made-up messages, without Kafka and ClickHouse."""

import asyncio
from collections.abc import AsyncIterable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict, Unpack

import httpx
import msgspec

from dashboards.api.entrance import Entrance
from dashboards.api.keys import SCOPES, Keys, new_key
from dashboards.api.maker import Maker
from dashboards.api.routes import Api
from dashboards.api.shelf import Shelf
from dashboards.api.subscriptions import Subscriptions
from dashboards.web.app import Web
from dashboards.web.audit import Audit, Entry
from dashboards.web.board import Told
from dashboards.web.figures import Figures
from dashboards.web.guard import Guard
from dashboards.web.live import Live
from dashboards.web.users import ROLES, User, Users, hashed
from infra.clock import FakeClock
from infra.events import Disposition
from infra.settings import Settings
from infra.site import Site
from tests.dashboards.web.messages import ESTATE, NOON, SITE

LINK_KEY = b"a key of the tests"
PASSWORD = "correct horse battery"
QUICK_HASH = hashed(PASSWORD, 2)
OTHER = SITE.model_copy(update={"estate": SITE.estate.model_copy(update={"id": "elsewhere", "name": "别处小区"})})


class Kept:
    """Takes dispositions as Kafka would, or not."""

    def __init__(self) -> None:
        self.sent: list[tuple[Disposition, str]] = []
        self.takes = True

    def send(self, answer: Disposition, zone_id: str) -> bool:
        if self.takes:
            self.sent.append((answer, zone_id))
        return self.takes


class Options(TypedDict, total=False):
    """What a request may have besides method and path, as httpx takes it."""

    data: dict[str, str]
    json: dict[str, object]
    content: bytes | str | AsyncIterable[bytes]
    files: Mapping[str, bytes | tuple[str, bytes]]
    headers: dict[str, str]
    params: dict[str, str]


class Client:
    """A browser as far as HTTP goes: it keeps cookies, and follows no redirect."""

    def __init__(self, app: Guard, address: str, base: str) -> None:
        transport = httpx.ASGITransport(app, client=(address, 5000))
        self._http = httpx.AsyncClient(transport=transport, base_url=base)
        self.cookies, self.headers = self._http.cookies, self._http.headers

    def request(self, method: str, path: str, **options: Unpack[Options]) -> httpx.Response:
        return asyncio.run(self._http.request(method, path, **options))

    def get(self, path: str, **options: Unpack[Options]) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Unpack[Options]) -> httpx.Response:
        return self.request("POST", path, **options)


class Stage:
    """`anfang web` without Kafka and ClickHouse, on some messages: two estates, four users, what it wrote down."""

    def __init__(
        self,
        home: Path,
        messages: Sequence[Told] = (),
        sites: Sequence[Site] = (SITE, OTHER),
        root_path: str = "",
        settings: Settings | None = None,
    ) -> None:
        self.root_path = root_path
        self.clock, self.kept = FakeClock(NOON), Kept()
        self.estates = [Live(site) for site in sites]
        self.users = Users(home / "users.json")
        for name, role, estates in (
            ("wang", "guard", [ESTATE]),
            ("li", "office", [ESTATE]),
            ("ops", "operator", [ESTATE, "elsewhere"]),
            ("fremd", "guard", ["elsewhere"]),
        ):
            self.users.put(_user(name, role, tuple(estates)))
        self.audit = Audit(home / "logs" / "audit.jsonl", self.clock)
        self.settings = settings or Settings(home=home, clickhouse_host="127.0.0.1", clickhouse_port=1)
        self.keys, self.shelf = Keys(home / "secrets" / "keys.json"), Shelf(home / "reports")
        by_estate, figures = {site.estate.id: site for site in sites}, Figures(self.settings, root_path)
        maker = Maker(self.settings, self.shelf, by_estate, self.clock)
        entrance = Entrance(self.keys, list(by_estate), self.audit, self.clock)
        api = Api(
            entrance=entrance,
            shelf=self.shelf,
            maker=maker,
            figures=figures,
            subscriptions=Subscriptions(entrance, self.settings, by_estate),
            root=root_path,
        )
        self.web = Web(
            estates=self.estates,
            users=self.users,
            answers=self.kept,
            audit=self.audit,
            clock=self.clock,
            link_key=LINK_KEY,
            root_path=root_path,
            settings=self.settings,
            figures=figures,
            shelf=self.shelf,
            maker=maker,
            api=api.app(),
        )
        self.app = self.web.app()
        self.tell(messages)

    def give_estate(self, name: str, estate: str) -> None:
        user = self.users.all()[name]
        self.users.put(msgspec.structs.replace(user, estates=(estate,)))

    def tell(self, messages: Sequence[Told]) -> None:
        for live in self.estates:
            live.take(messages)
            live.publish(live.tick(self.clock.now_ms()))

    def client(self, address: str = "10.0.0.7", base: str = "http://testserver") -> "Client":
        return Client(self.app, address, base)

    def logged_in(self, name: str = "wang") -> "Client":
        client, path = self.client(), f"{self.root_path}/login"
        fields = {"csrf": csrf(client.get(path).text), "user": name, "password": PASSWORD}
        assert client.post(path, data=fields).status_code == 303
        return client

    def key_holder(
        self, estates: Sequence[str] = (ESTATE,), scopes: Sequence[str] = SCOPES, name: str = "district"
    ) -> "Client":
        """Another program, with a key of its own."""
        key, token = new_key(name, scopes, estates, None, self.clock.now_ms())
        self.keys.add(key)
        return self.bearer(token)

    def bearer(self, token: str) -> "Client":
        client = self.client()
        client.headers["Authorization"] = f"Bearer {token}"
        return client

    def refusals(self) -> list[Entry]:
        return [entry for entry in self.audit.last(10_000) if entry.what == "refused"]


def _user(name: str, role: str, estates: tuple[str, ...]) -> User:
    """With a hash that is quick to check: a test logs in often."""
    known = next(one for one in ROLES if one == role)
    return User(name, known, estates, QUICK_HASH)


def csrf(html: str) -> str:
    """The token of the form in a page."""
    return html.partition('name="csrf" value="')[2].partition('"')[0]


def decoded(event: bytes) -> dict[str, object]:
    """The data of a server-sent event."""
    line = next(line for line in event.splitlines() if line.startswith(b"data: "))
    found: dict[str, object] = msgspec.json.decode(line[6:])
    return found
