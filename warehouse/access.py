"""Who may do what in ClickHouse: one rendered users file, read by the local engine and by an ordinary server alike.

Roles (user names are the same): `loader` writes what the nightly loads; `office` reads its own estate and writes the
ledgers and what its reports said; `analyst` reads its own estate, read-only, without anything a person wrote or said;
`auditor` reads who read person-related tables, what was kept for how long, and who said what of an alert. Nobody of
these sees `visitors`, the tokens of the day: only what is counted from them. A reader's estate is a row filter on every
table it may read, which also hides every load but the current one of each day (`loads.py`). The rendered file is also
the memory of which database belongs to which estates: rendering again keeps what is known of other databases that
still exist.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement, tostring

from infra.errors import UserError
from infra.local.clickhouse import clickhouse_users_folder, reload_users
from infra.local.files import write_private
from infra.settings import Settings
from warehouse.client import Role, password, placed
from warehouse.roll_ups import ROLL_UPS

Estates = Mapping[str, Sequence[str]]  # database: the estates its readers see

ROLES: Final[tuple[Role, ...]] = ("loader", "office", "analyst", "auditor")
READERS: Final[tuple[Role, ...]] = ("office", "analyst", "auditor")
READ_ONLY: Final[tuple[Role, ...]] = ("analyst", "auditor")
# What the nightly makes of records; and, with what it sums up of these, all that it loads.
RECORD_TABLES: Final = (
    "crossings",
    "camera_minutes",
    "camera_sequences",
    "gate_passages",
    "visitors",
    "visitor_counts",
    "zone_minutes",
    "alerts",
    "differences",
    "dispositions",
    "day_inputs",
)
LOAD_TABLES: Final = (*RECORD_TABLES, *(one.table for one in ROLL_UPS))  # every row with its load id (`loads.py`)
SITE_TABLES: Final = ("estates", "zones", "lines", "devices", "shifts")
KPI_TABLES: Final = (
    "kpi_reports",
    "kpi_results",
    "kpi_evidence",
    "kpi_figures",
)  # what the office's issued reports said
READ_WHOLE: Final = (
    *(table for table in LOAD_TABLES if table not in ("visitors", "dispositions")),
    "nightly_accounting",
    "retention_proofs",
    *SITE_TABLES,
    *KPI_TABLES,
)
LEDGERS: Final = ("funds", "incidents", "surveys", "spot_checks")
# Tables whose reading is written down: of persons, or with text about them.
PERSONAL: Final = ("visitors", "dispositions", "incidents")
AUDITED: Final = ("read_log", "retention_proofs", "nightly_accounting", "day_inputs", "dispositions")
# They read with the rights and row filters of whoever asks, so they need no filter of their own.
VIEWS: Final = (
    "zone_flows",
    "zone_days",
    "alert_outcomes",
    "device_days",
    "incident_entries",
    "incident_months",
    "incident_changes",
)
# Tables with text or names of persons: the columns that are free of them.
IMPERSONAL: Final = {
    "dispositions": "estate_id, day, disposition_id, alert_id, event_time, verdict",
    "funds": "estate_id, entry_id, version, day, kind, amount_yuan, purpose, removed, imported_at",
    "incidents": "estate_id, entry_id, version, event_time, kind, zone_id, removed, imported_at",
    "surveys": "estate_id, entry_id, version, day, question, respondents, score_mean, score_sd, removed, imported_at",
    "spot_checks": ("estate_id, entry_id, version, start_time, end_time, line_id, manual_count, removed, imported_at"),
}
LOADER_GRANTS: Final = (
    "GRANT SELECT, INSERT, ALTER DELETE ON anfang*.*",
    "GRANT SELECT(query_id, user) ON system.processes",
)
FILE: Final = "anfang_roles.xml"
LOOPBACK: Final = ("127.0.0.1", "::1")


def reader_grants(role: Role, database: str) -> list[str]:
    """What `office`, `analyst` or `auditor` may do in one database."""
    if role == "auditor":
        return [f"GRANT SELECT ON {database}.{table}" for table in AUDITED]
    grants = [f"GRANT SELECT ON {database}.{table}" for table in (*READ_WHOLE, *VIEWS)]
    grants.append(f"GRANT SELECT({IMPERSONAL['dispositions']}) ON {database}.dispositions")
    if role == "office":
        return grants + [f"GRANT SELECT, INSERT ON {database}.{table}" for table in (*LEDGERS, *KPI_TABLES)]
    return grants + [f"GRANT SELECT({IMPERSONAL[table]}) ON {database}.{table}" for table in LEDGERS]


def users_xml(passwords: Mapping[Role, str], estates: Estates) -> str:
    """The users file for these databases and their estates; passwords only as SHA-256."""
    root = Element("clickhouse")
    profile = SubElement(SubElement(root, "profiles"), "anfang_reader")
    SubElement(profile, "readonly").text = "1"
    users = SubElement(root, "users")
    for role in ROLES:
        _add_user(users, role, passwords[role], estates)
    ElementTree.indent(root)
    return tostring(root, encoding="unicode") + "\n"


def _add_user(users: Element, role: Role, secret: str, estates: Estates) -> None:
    user = SubElement(users, role)
    SubElement(user, "password_sha256_hex").text = hashlib.sha256(secret.encode()).hexdigest()
    networks = SubElement(user, "networks")
    for address in LOOPBACK:
        SubElement(networks, "ip").text = address
    SubElement(user, "profile").text = "anfang_reader" if role in READ_ONLY else "default"
    SubElement(user, "quota").text = "default"
    grants = SubElement(user, "grants")
    reads = role in READERS
    for grant in [g for db in estates for g in reader_grants(role, db)] if reads else LOADER_GRANTS:
        SubElement(grants, "query").text = grant
    if reads:
        _add_filters(SubElement(user, "databases"), estates)


def _add_filters(databases: Element, estates: Estates) -> None:
    for database, names in estates.items():
        tables = SubElement(databases, database)
        for table in (*READ_WHOLE, "dispositions", *LEDGERS):
            SubElement(SubElement(tables, table), "filter").text = _filter(database, table, names)


def _filter(database: str, table: str, estates: Sequence[str]) -> str:
    """What a reader sees of a table: its estates, and of what is loaded the loads that the accounts name."""
    seen = row_filter(estates)
    if table not in LOAD_TABLES:
        return seen
    return f"({seen}) AND load_id IN (\n{placed('current_loads', {'database': database})})"


def row_filter(estates: Sequence[str]) -> str:
    """The condition that lets a reader see these estates only; nothing where there are none."""
    return " OR ".join(f"estate_id = '{_plain(name)}'" for name in estates) or "0"


def _plain(estate: str) -> str:
    if not estate.replace("_", "").isalnum():
        raise UserError(f"estate id {estate!r} is not plain", "use small letters, digits and _ in the site file")
    return estate


def known_estates(xml: str) -> dict[str, tuple[str, ...]]:
    """Which estates a rendered users file lets its readers see, by database."""
    databases = ElementTree.fromstring(xml).find("users/analyst/databases")  # noqa: S314 our own file
    filters = {} if databases is None else {db.tag: db.findtext("crossings/filter", "") for db in databases}
    return {database: tuple(text.split("'")[1::2]) for database, text in filters.items()}


def merged(known: Estates, existing: Iterable[str], database: str, estates: Sequence[str]) -> dict[str, Sequence[str]]:
    """`known` without the databases that are gone, with `estates` added to those of `database`."""
    kept = {name: seen for name, seen in known.items() if name in set(existing)}
    return dict(sorted({**kept, database: sorted({*kept.get(database, ()), *estates})}.items()))


def grant_access(settings: Settings, existing: Iterable[str], estates: Sequence[str]) -> bool:
    """Render the users file and have ClickHouse read it; False where it was already so.

    A configured server's files are not ours to write: there the operator places the output of `anfang warehouse access`
    in `users.d/`.
    """
    if settings.clickhouse_host:
        return False
    path = users_file(settings)
    before = path.read_text(encoding="utf-8") if path.exists() else None
    known = known_estates(before) if before else {}
    rendered = render(settings, merged(known, existing, settings.clickhouse_database, estates))
    if rendered == before:
        return False
    write_private(path, rendered)
    reload_users(settings)
    return True


def render(settings: Settings, estates: Estates) -> str:
    """The users file with this deployment's passwords."""
    return users_xml({role: password(settings, role) for role in ROLES}, estates)


def users_file(settings: Settings) -> Path:
    """Where the local ClickHouse reads our roles."""
    return clickhouse_users_folder(settings) / FILE
