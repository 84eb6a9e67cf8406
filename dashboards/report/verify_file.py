"""Whether a report holds, by any of its files: those are what was signed, and every figure comes out again."""

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec import structs

from dashboards.report.attest import PublicKey, own_publics, read_public
from dashboards.report.bundle import BUNDLE
from dashboards.report.check import Checked, check_folder, unpack
from dashboards.report.evidence import office_ask
from dashboards.report.verify import Verdict, check_roll_ups, reasons, verify
from infra.clock import Clock, SystemClock
from infra.errors import UserError
from infra.local.parts import fonts_folder
from infra.settings import Settings


def verify_file(
    settings: Settings, path: Path, *, offline: bool = False, key: Path | None = None, clock: Clock | None = None
) -> Verdict:
    """Check a report by any of its files, or by its bundle: signature and digests, then every figure anew.

    `key` is the public key that must have signed; by default one of this installation's own, if it has any. With
    `offline` nothing is asked of ClickHouse. Where that does not answer, what is wrong with the files is told all the
    same.
    """
    trusted = [read_public(key)] if key else own_publics(settings)
    checked = _checked(path, trusted, _fonts(settings))
    verdict = Verdict(checked.record.figures, 0, checked.problems, checked.notes)
    if offline:
        return verdict
    today = datetime.fromtimestamp((clock or SystemClock()).now_ms() / 1000, UTC).date()
    try:
        with office_ask(settings) as ask:
            online = verify(checked.record, ask)
            altered = check_roll_ups(checked.record, ask)
            why = reasons(checked.record, checked.computed_at, ask, today) if online.problems else []
    except UserError as error:
        if not verdict.problems:
            raise
        return structs.replace(verdict, notes=[*verdict.notes, f"no figure was asked for again: {error.problem}"])
    problems = [*verdict.problems, *online.problems, *altered]
    return Verdict(online.figures, online.verified, problems, verdict.notes + why)


def _checked(path: Path, trusted: Sequence[PublicKey], fonts: Path | None) -> Checked:
    if path.suffix != BUNDLE:
        if not path.is_file():
            raise UserError(f"{path}: No such file", "give a file that `anfang report` wrote")
        return check_folder(path.parent, path.name, trusted, fonts)
    with tempfile.TemporaryDirectory(prefix="anfang-verify-") as folder:
        return check_folder(Path(folder), unpack(path, Path(folder)), trusted, fonts)


def _fonts(settings: Settings) -> Path | None:
    try:
        return fonts_folder(settings)
    except UserError:
        return None
