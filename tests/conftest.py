"""The real local stack for tests: one for each pytest process, and fresh topics and a database name for each test."""

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from clickhouse_driver.errors import Error
from hypothesis import settings as hypothesis

from infra.errors import UserError
from infra.local.parts import fetch_parts
from infra.local.stack import down, up
from infra.settings import Settings
from infra.topics import admin, create_topics
from warehouse.client import connect

hypothesis.register_profile("anfang", deadline=None)  # how long an example takes says nothing on a shared machine
hypothesis.load_profile("anfang")


def pytest_configure() -> None:
    """Let Java compile quickly rather than well: no test's Spark lives long enough for the better compiler to pay.

    With one compiler Java keeps 48 MB of code, which a few nightlies fill: from then on it sweeps and compiles anew.
    """
    os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a real stack in a temporary home on free ports, stopped at the end of the run."""
    _stop_orphans(tmp_path_factory.getbasetemp())
    settings = stack_settings(tmp_path_factory.mktemp("stack"))
    (settings.home / "owner").write_text(str(os.getpid()))
    fetch_parts(settings)
    try:
        up(settings)
        yield settings
    finally:
        down(settings)


@pytest.fixture
def fresh(stack: Settings) -> Iterator[Settings]:
    """The stack with topics of this test's own, and the name of a database that does not exist yet."""
    token = f"t{secrets.token_hex(3)}"
    own = {"topic_prefix": f"{token}.", "clickhouse_database": f"anfang_{token}", "keep_all_history": True}
    settings = stack.model_copy(update=own)
    create_topics(settings)
    yield settings
    _forget(settings)


def stack_settings(home: Path) -> Settings:
    """Settings of a stack in `home`, whatever this shell's ANFANG_* variables say."""
    return Settings(home=home, kafka="", topic_prefix="", clickhouse_host="")


def _forget(settings: Settings) -> None:
    """Drop what the test left, so that a long run stays light."""
    client = admin(settings)
    own = [name for name in client.list_topics(timeout=8).topics if name.startswith(settings.topic_prefix)]
    for future in client.delete_topics(own).values() if own else ():
        future.result()
    try:
        with connect(settings, "migrator", database="default") as clickhouse:
            clickhouse.execute(f"DROP DATABASE IF EXISTS {settings.clickhouse_database} SYNC")
    except (UserError, Error, OSError, EOFError) as error:
        pytest.fail(f"ClickHouse does not answer after the test: {error}")


def _stop_orphans(own: Path) -> None:
    """Stop stacks of earlier runs that were killed before they could stop their own."""
    root = own.parent.parent if "PYTEST_XDIST_WORKER" in os.environ else own.parent
    for owner in (*root.glob("*/stack*/owner"), *root.glob("*/popen-*/stack*/owner")):
        with suppress(FileNotFoundError):  # another process of this run may be quicker
            if not psutil.pid_exists(int(owner.read_text())):
                down(stack_settings(owner.parent))
                owner.unlink()
