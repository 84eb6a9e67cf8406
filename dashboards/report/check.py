"""Whether a report's files are those that were signed, without asking anybody; where one is not, what in it differs.

A file whose digest is not the signed one is made anew from the signed record and compared by what it says: JSON
value by value, XLSX cell by cell, DOCX and PDF line by line.
"""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from msgspec import Struct

from dashboards.report.attest import (
    MANIFEST,
    PUBLIC_KEY,
    Envelope,
    PublicKey,
    digest,
    fingerprint,
    open_manifest,
    read_public,
    signed_by,
)
from dashboards.report.bundle import INDICATORS, SQL_FOLDER, unzipped
from dashboards.report.differences import DIFFERENCES
from dashboards.report.record import Record
from infra.errors import UserError

SUFFIXES: Final = (".pdf", ".docx", ".xlsx", ".json", MANIFEST, PUBLIC_KEY)
MOST_BYTES: Final = 500_000_000  # of an unpacked bundle
MOST_TOLD: Final = 20  # differences of one file
OTHERWISE: Final = "differs from the signed file, though it says the same: a picture or the layout was changed"


class Checked(Struct, frozen=True):
    """What the files say of themselves: the signed record, what is wrong, and what a reader should know."""

    record: Record
    computed_at: str
    problems: list[str]
    notes: list[str]


def check_folder(folder: Path, asked: str, trusted: Sequence[PublicKey], fonts: Path | None) -> Checked:
    """Check the report in `folder` that the file named `asked` belongs to. `trusted` are keys the caller knows.

    Raises UserError where the manifest is missing or no manifest at all.
    """
    name = stem(asked)
    statement, envelope = open_manifest(folder / f"{name}{MANIFEST}")
    problems, notes = _signature(envelope, folder / f"{name}{PUBLIC_KEY}", trusted)
    signed = {subject.name: subject.digest.get("sha256") for subject in statement.subject}
    if asked not in signed and not asked.endswith((MANIFEST, PUBLIC_KEY)):
        problems.append(f"{asked}: is not among the signed files {', '.join(signed)}")
    problems += _files(folder, signed, statement.predicate.record, fonts)
    problems += _attachments(folder, statement.predicate.record)
    absent = [file for file in signed if not (folder / file).is_file()]
    notes += [f"not here, so not compared: {', '.join(absent)}"] if absent else []
    return Checked(statement.predicate.record, statement.predicate.computed_at, problems, notes)


def stem(name: str) -> str:
    """The report's name without its format."""
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    raise UserError(f"{name} is no file of a report", f"give one that ends in {', '.join(SUFFIXES)}, or the .zip")


def unpack(bundle: Path, folder: Path) -> str:
    """Unpack a bundle into `folder`; returns the name of its manifest. Raises UserError where it is no bundle."""
    try:
        with zipfile.ZipFile(bundle) as opened:
            if sum(member.file_size for member in opened.infolist()) > MOST_BYTES:
                raise UserError(f"{bundle} is too large to be a report", "give the zip that `anfang report` wrote")
        content = unzipped(bundle.read_bytes())
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{bundle} is no bundle: {error}", "give the zip that `anfang report` wrote") from error
    manifests = [name for name in content if name.endswith(MANIFEST)]
    if len(manifests) != 1 or any(not _inside(name) for name in content):
        raise UserError(f"{bundle} holds no report", "give the zip that `anfang report` wrote")
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return manifests[0]


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name


def _signature(envelope: Envelope, beside: Path, trusted: Sequence[PublicKey]) -> tuple[list[str], list[str]]:
    """Problems and notes about who signed."""
    signer = next((key for key in trusted if signed_by(envelope, key)), None)
    if signer is not None:
        return [], [f"signed with key {fingerprint(signer)}"]
    told = " or ".join(map(fingerprint, trusted))
    other = read_public(beside) if beside.is_file() or not trusted else None
    if other is None or not signed_by(envelope, other):
        key = told or fingerprint(read_public(beside))
        return [f"signature: does not fit; the manifest was changed or is not signed with key {key}"], []
    if trusted:
        return [f"signature: of key {fingerprint(other)}, not of the trusted key {told}"], []
    unknown = "the key beside the report: compare it with the one that the office published"
    return [], [f"signed with key {fingerprint(other)} ({unknown})"]


def _files(folder: Path, signed: Mapping[str, str | None], record: Record, fonts: Path | None) -> Iterator[str]:
    for name, told in signed.items():
        path = folder / name
        if not _inside(name) or not path.is_file() or digest(content := path.read_bytes()) == told:
            continue
        try:
            found = list(DIFFERENCES[path.suffix](record, content, fonts))
        except Exception as error:
            found = [f"differs from the signed file and cannot be read: {error}"]
        for difference in found[:MOST_TOLD] or [OTHERWISE]:
            yield f"{name}: {difference}"
        if len(found) > MOST_TOLD:
            yield f"{name}: {len(found) - MOST_TOLD} more differences"


def _attachments(folder: Path, record: Record) -> Iterator[str]:
    """What is wrong with the SQL and the indicators that lie in a bundle."""
    expected = {f"{SQL_FOLDER}{found.query}.sql": found.sql_sha256 for found in record.evidence}
    for name, told in {**expected, INDICATORS: record.indicators_sha256}.items():
        path = folder / name
        if _inside(name) and path.is_file() and digest(path.read_bytes()) != told:
            yield f"{name}: differs from what the report was made with"
