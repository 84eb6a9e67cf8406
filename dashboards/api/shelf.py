"""The reports that were asked for: a folder for each under the settings' home, with its state and later its files.

One process writes them. A report that was being made when it ended has failed; one that waited still waits.
"""

import hashlib
import re
import secrets
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Final, Literal

import msgspec
import structlog
from msgspec import Struct, structs

from dashboards.report.attest import MANIFEST, PUBLIC_KEY
from dashboards.report.bundle import BUNDLE
from infra.alert_words import Language
from infra.local.files import private_folder, write_private
from infra.settings import Settings

Status = Literal["waiting", "running", "done", "failed"]
Kind = Literal["pdf", "docx", "xlsx", "json", "manifest", "key", "bundle"]
SUFFIXES: Final[dict[Kind, str]] = {
    "pdf": ".pdf",
    "docx": ".docx",
    "xlsx": ".xlsx",
    "json": ".json",
    "manifest": MANIFEST,
    "key": PUBLIC_KEY,
    "bundle": BUNDLE,
}
MEDIA_TYPES: Final[dict[Kind, str]] = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
    "manifest": "application/jsonl",
    "key": "application/x-pem-file",
    "bundle": "application/zip",
}
ID: Final = re.compile(r"[0-9a-f]{19}")
STATE: Final = "state.json"
FILES: Final = "files"

log = structlog.get_logger()


class File(Struct, frozen=True):
    """A file of a report."""

    kind: Kind
    name: str
    bytes: int
    sha256: str


class Result(Struct, frozen=True):
    """What was issued: how many numbers have evidence, the score, the fingerprint of the key that signed, the files."""

    figures: int
    points: float
    assessed: float
    percent: float | None
    grade: str | None
    key: str
    files: list[File]


class Report(Struct, frozen=True, kw_only=True):
    """A report that was asked for, and how far it is. Days are local, both included; times UTC ms.

    `step` is what is being done, the `steps_done`-th (from 0) of `steps`. `problem` and `remedy` say why it failed.
    """

    id: str
    estate: str
    first_day: date
    last_day: date
    language: Language
    indicators: str
    issued: date | None
    asked_by: str
    asked_ms: int
    status: Status = "waiting"
    step: str = ""
    steps_done: int = 0
    steps: int = 0
    began_ms: int | None = None
    ended_ms: int | None = None
    problem: str = ""
    remedy: str = ""
    result: Result | None = None


def new_id(now_ms: int) -> str:
    """Ids sort by time; 32 bits of chance tell those of one millisecond apart."""
    return f"{now_ms:011x}{secrets.token_hex(4)}"


class Shelf:
    """All reports by id."""

    def __init__(self, root: Path) -> None:
        self.root = private_folder(root)
        self._known = {report.id: report for report in map(_read, sorted(root.glob(f"*/{STATE}"))) if report}

    def put(self, report: Report) -> None:
        """Keep a report, or its new state. Raises OSError where a new report cannot be written.

        A new state that cannot be written is told all the same, until the process ends: a full disk ends no report.
        """
        try:
            write_private(self.folder(report) / STATE, msgspec.json.encode(report))
        except OSError:
            if report.id not in self._known:
                raise
            log.exception("a report's state could not be written", report=report.id)
        self._known[report.id] = report

    def find(self, report_id: str) -> Report | None:
        """The report of this id."""
        return self._known.get(report_id)

    def folder(self, report: Report) -> Path:
        """Where a report lies."""
        assert ID.fullmatch(report.id)
        return self.root / report.id

    def listed(self, estates: Collection[str], status: Status | None, before: str, most: int) -> list[Report]:
        """At most `most` reports of these estates, the newest first; with `before`, those older than that id."""
        found = (r for r in self._known.values() if r.estate in estates and status in (None, r.status))
        older = [report for report in found if not before or report.id < before]
        return sorted(older, key=lambda report: report.id, reverse=True)[:most]

    def waiting(self) -> list[Report]:
        """Those that wait, the oldest first."""
        return sorted((r for r in self._known.values() if r.status == "waiting"), key=lambda report: report.id)

    def recover(self, now_ms: int) -> None:
        """After a start: what was being made when the process ended has failed."""
        for report in [report for report in self._known.values() if report.status == "running"]:
            why = ("the service was stopped while the report was being made", "ask for it again")
            self.put(structs.replace(report, status="failed", ended_ms=now_ms, problem=why[0], remedy=why[1]))

    def file(self, report: Report, kind: str) -> tuple[File, Path] | None:
        """A file of a report that is done."""
        files = report.result.files if report.result else []
        found = next((file for file in files if file.kind == kind), None)
        return (found, self.folder(report) / FILES / found.name) if found else None


def files_of(folder: Path) -> list[File]:
    """The files that a report left in `folder`, in the order of `SUFFIXES`."""
    found = {path.name: path for path in sorted(folder.iterdir())}
    files = []
    for kind, suffix in SUFFIXES.items():
        for name, path in found.items():
            if name.endswith(suffix):
                content = path.read_bytes()
                files.append(File(kind, name, len(content), hashlib.sha256(content).hexdigest()))
    return files


def shelf_folder(settings: Settings) -> Path:
    """Where the reports lie."""
    return settings.home / "reports"


def _read(path: Path) -> Report | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except msgspec.DecodeError as error:
        log.warning("a report's state cannot be read; it is passed over", path=str(path), error=str(error))
        return None
