"""ClickHouse as one process: a `clickhouse` binary on the PATH if there is one, else the embedded engine (libchdb).

What was found out about the embedded engine 26.7, by trying:

- It merges `users.d/*.xml` beside the users file `users.xml` at its start, like the server. It never reads them
  again: not by itself, not by SYSTEM RELOAD USERS (which answers "Ok" and does nothing), and SYSTEM RELOAD CONFIG is
  refused. So after writing there call `reload_users`: it restarts the engine (about a second, data kept).
- With stdin not a terminal it installs a handler that aborts the process on any exception of a connection: a wrong
  password or a reset socket ended it (ClickHouse issue 115666, mended in 26.8). `clickhouse_embedded.py` therefore
  gives it a pseudo-terminal and `--interactive`, and the supervisor restarts it should it still die.
- `system` lives in memory, so system.query_log would be lost at each restart, and could not even be made again over
  its left data. `query_log.py` brings it back after each start, as the user `keeper`, who may do only that.
- Its own session is the user `default` with an empty password, from the loopback: `default` may therefore only start
  and stop listeners. An anonymous client can read and write nothing; it can stop the listeners, which the supervisor
  notices and puts right by a restart.
- SQL `CREATE USER` has no writable storage: users are files.
"""

import hashlib
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from clickhouse_driver import Client
from clickhouse_driver.errors import Error

from infra.errors import UserError
from infra.local.files import log_file, private_folder, stack_home, write_private
from infra.local.ports import LOOPBACK, Ports, answers
from infra.local.process import Process, alive, python_module, start_detached, wait_until
from infra.local.query_log import KEEPER_GRANTS
from infra.local.registry import read_process
from infra.settings import Settings

NAME: Final = "clickhouse"
MIGRATOR: Final = "migrator"
KEEPER: Final = "keeper"
MEMORY_BYTES: Final = 6_000_000_000
AUDIT_DAYS: Final = 400
MIGRATOR_GRANTS: Final = (
    "GRANT ALL ON anfang*.*",
    "GRANT SELECT ON system.*",
    "GRANT SELECT ON information_schema.*",
    "GRANT SYSTEM RELOAD CONFIG, SYSTEM RELOAD USERS, SYSTEM FLUSH LOGS, KILL QUERY ON *.*",
    "GRANT CREATE TEMPORARY TABLE ON *.*",
    "GRANT TABLE ENGINE ON *",
)
ENGINE_GRANTS: Final = ("GRANT SYSTEM LISTEN ON *.*", "GRANT SELECT ON system.numbers")
START_TIMEOUT_S: Final = 30.0


def clickhouse_folder(settings: Settings) -> Path:
    """Configuration and data of the local ClickHouse."""
    return private_folder(stack_home(settings) / "clickhouse")


def clickhouse_users_folder(settings: Settings) -> Path:
    """Where further users are rendered as `NAME.xml` (mode 0600); call `reload_users` after writing."""
    return private_folder(clickhouse_folder(settings) / "users.d")


def backups_folder(settings: Settings) -> Path:
    """Where the local ClickHouse may write backups."""
    return private_folder(clickhouse_folder(settings) / "backups")


def server_binary() -> str | None:
    """The `clickhouse` on the PATH, which is preferred over the embedded engine."""
    return shutil.which("clickhouse")


def config_xml(ports: Ports, folder: Path, log: Path) -> str:
    """The engine's configuration, the same for the server and the embedded engine."""
    return f"""\
<clickhouse>
  <path>{escape(str(folder / "data"))}/</path>
  <listen_host>{LOOPBACK}</listen_host>
  <tcp_port>{ports.clickhouse}</tcp_port>
  <http_port>{ports.clickhouse_http}</http_port>
  <users_config>{escape(str(folder / "users.xml"))}</users_config>
  <logger><level>error</level><log>{escape(str(log))}</log><size>10M</size><count>1</count><console>0</console></logger>
  <query_log>
    <database>system</database><table>query_log</table>
    <flush_interval_milliseconds>2000</flush_interval_milliseconds>
    <ttl>event_date + INTERVAL {AUDIT_DAYS} DAY</ttl>
  </query_log>
  <backups><allowed_path>{escape(str(folder / "backups"))}/</allowed_path></backups>
  <max_server_memory_usage>{MEMORY_BYTES}</max_server_memory_usage>
  <mark_cache_size>{64 * 2**20}</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
</clickhouse>
"""


def users_xml(passwords: Mapping[str, str], embedded: bool) -> str:
    """The first users: `migrator`, `keeper`, and for the embedded engine's own session `default`."""
    users = _user_xml(MIGRATOR, _digest(passwords[MIGRATOR]), MIGRATOR_GRANTS)
    users += _user_xml(KEEPER, _digest(passwords[KEEPER]), KEEPER_GRANTS)
    if embedded:
        users += _user_xml("default", "<password></password>", ENGINE_GRANTS)
    profiles, quotas = "<profiles><default/></profiles>", "<quotas><default/></quotas>"
    return f"<clickhouse>\n{profiles}\n{quotas}\n<users>\n{users}</users>\n</clickhouse>\n"


def _digest(password: str) -> str:
    return f"<password_sha256_hex>{hashlib.sha256(password.encode()).hexdigest()}</password_sha256_hex>"


def _user_xml(name: str, password: str, grants: tuple[str, ...]) -> str:
    queries = "".join(f"<query>{escape(grant)}</query>" for grant in grants)
    place = f"<networks><ip>{LOOPBACK}</ip></networks><profile>default</profile><quota>default</quota>"
    return f"<{name}>{password}{place}<grants>{queries}</grants></{name}>\n"


def start_clickhouse(settings: Settings, ports: Ports) -> Process:
    """Write the configuration and start the supervisor, which starts the engine."""
    folder = clickhouse_folder(settings)
    clickhouse_users_folder(settings)
    private_folder(folder / "data")
    backups_folder(settings)
    log = log_file(settings, "clickhouse-engine")
    write_private(folder / "config.xml", config_xml(ports, folder, log))
    embedded = server_binary() is None
    passwords = {user: _password(settings, user) for user in (MIGRATOR, KEEPER)}
    write_private(folder / "users.xml", users_xml(passwords, embedded))
    places = {"ANFANG_HOME": str(stack_home(settings)), "ANFANG_CACHE": str(settings.cache.absolute())}
    return start_detached(python_module("infra.local.clickhouse_supervisor"), log_file(settings, NAME), places)


def local_client(settings: Settings, port: int, user: str = MIGRATOR) -> Client:
    """A connection to the local ClickHouse as `migrator` or `keeper`, not yet opened."""
    password = _password(settings, user)
    return Client(LOOPBACK, port, user=user, password=password, connect_timeout=2, send_receive_timeout=10)


def _password(settings: Settings, user: str) -> str:
    return settings.secret(f"clickhouse_{user}")


def clickhouse_answers(settings: Settings, port: int) -> bool:
    """Whether ClickHouse answers the migrator and keeps its query log."""
    if not answers(port):
        return False
    asked = "SELECT count() FROM system.tables WHERE database = 'system' AND name = 'query_log'"
    try:
        with local_client(settings, port) as client:
            return bool(client.execute(asked)[0][0])
    except (Error, OSError, EOFError):
        return False


def reload_users(settings: Settings) -> None:
    """Make ClickHouse read the users folder anew; returns when it answers again.

    A `clickhouse` binary reloads in place, the embedded engine restarts (about a second). Raises UserError when the
    local ClickHouse does not run or does not come back, which a mistake in the users folder can cause.
    """
    process = read_process(settings, NAME)
    if process is None or not alive(process):
        raise UserError("the local ClickHouse is not running", "start it with `anfang up`")
    port = settings.stack_state().clickhouse_port
    if server_binary() is not None:
        with local_client(settings, port) as client:
            client.execute("SYSTEM RELOAD USERS")
        return
    engine_file(settings).unlink(missing_ok=True)  # the supervisor writes it again for an engine started after SIGHUP
    os.kill(process.pid, signal.SIGHUP)
    try:
        wait_until(lambda: engine_pid(settings) is not None, START_TIMEOUT_S, "a new ClickHouse engine")
        wait_until(lambda: clickhouse_answers(settings, port), START_TIMEOUT_S, "ClickHouse's answer")
    except TimeoutError as error:
        raise UserError(
            f"ClickHouse did not come back with the new users: {error}",
            f"look for a mistake in {clickhouse_users_folder(settings)} (`anfang logs clickhouse`)",
        ) from error


def engine_file(settings: Settings) -> Path:
    """Where the supervisor writes the pid of the engine that is ready."""
    return clickhouse_folder(settings) / "engine.pid"


def engine_pid(settings: Settings) -> int | None:
    """Pid of the engine that serves; None while there is none."""
    try:
        return int(engine_file(settings).read_text())
    except FileNotFoundError:
        return None
