"""Signed evidence: what is signed, and that one digit changed in any file is found and named."""

import base64
import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import docx as word
import msgspec
import openpyxl
import pypdf
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pypdf.generic import ByteStringObject, ContentStream, TextStringObject

from dashboards.report import docx, pdf, xlsx
from dashboards.report.attest import (
    MANIFEST,
    PUBLIC_KEY,
    Statement,
    fingerprint,
    make_statement,
    public_pem,
    sign,
    signing_key,
)
from dashboards.report.bundle import bundle, unzipped, zipped
from dashboards.report.charts import draw
from dashboards.report.check import Checked, check_folder, unpack
from dashboards.report.content import Paragraph
from dashboards.report.indicators import DEFAULT_INDICATORS, digest_of
from dashboards.report.issue import refuse_unverified
from dashboards.report.narrative import write
from dashboards.report.record import Record, encode, make_record
from dashboards.report.verify import verify
from dashboards.report.verify_file import verify_file
from infra.errors import UserError
from infra.local.parts import fetch_parts, fonts_folder
from infra.settings import Settings
from tests.dashboards.report_facts import changed, facts, make_ask

NAME: Final = "garden_2024-03-01_2024-03-10"
KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture(scope="module")
def fonts() -> Path:
    settings = Settings()
    fetch_parts(settings)
    return fonts_folder(settings)


@pytest.fixture(scope="module")
def record() -> Record:
    found = facts()
    return make_record(found, write(found), digest_of(DEFAULT_INDICATORS))


@pytest.fixture(scope="module")
def files(record: Record, fonts: Path) -> dict[str, bytes]:
    """All files of one report, by name."""
    charts = draw(facts(), record.document.charts(), fonts)
    made = {
        f"{NAME}.json": encode(record),
        f"{NAME}.xlsx": xlsx.render(record),
        f"{NAME}.docx": docx.render(record.document, charts),
        f"{NAME}.pdf": pdf.render(record.document, charts, fonts),
    }
    made[f"{NAME}{MANIFEST}"] = sign(make_statement(record, made, "2024-03-12T00:00:00+00:00"), KEY)
    return {**made, f"{NAME}{PUBLIC_KEY}": public_pem(KEY.public_key())}


@pytest.fixture
def folder(files: dict[str, bytes], tmp_path: Path) -> Path:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def check(folder: Path, fonts: Path, kind: str = "json") -> Checked:
    return check_folder(folder, f"{NAME}.{kind}", [KEY.public_key()], fonts)


def test_what_was_issued_holds(folder: Path, fonts: Path, record: Record) -> None:
    for kind in ("json", "xlsx", "docx", "pdf"):
        checked = check(folder, fonts, kind)
        assert (checked.problems, checked.notes) == ([], [f"signed with key {fingerprint(KEY.public_key())}"])
        assert msgspec.json.decode(encode(checked.record)) == msgspec.json.decode(encode(record))


def test_the_manifest_is_an_in_toto_statement_in_a_dsse_envelope(files: dict[str, bytes]) -> None:
    """Read as any other tool would, without our code."""
    envelope = msgspec.json.decode(files[f"{NAME}{MANIFEST}"])
    payload = base64.b64decode(envelope["payload"])
    statement = msgspec.json.decode(payload)
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert {s["name"]: s["digest"]["sha256"] for s in statement["subject"]} == {
        name: hashlib.sha256(content).hexdigest()
        for name, content in files.items()
        if not name.endswith((MANIFEST, PUBLIC_KEY))
    }
    record = statement["predicate"]["record"]
    assert record["indicators_sha256"] == hashlib.sha256(DEFAULT_INDICATORS.read_bytes()).hexdigest()
    signed = b"DSSEv1 28 application/vnd.in-toto+json " + str(len(payload)).encode() + b" " + payload
    key = load_pem_public_key(files[f"{NAME}{PUBLIC_KEY}"])
    key.verify(base64.b64decode(envelope["signatures"][0]["sig"]), signed)  # type: ignore[union-attr, call-arg]


def altered_json(content: bytes) -> bytes:
    return content.replace(b'"points": 4.5', b'"points": 4.6', 1)


def altered_answer(content: bytes) -> bytes:
    at = content.rindex(b'"query": "kpi_surveys"')
    return content[:at] + content[at:].replace(b"87.0", b"88.0", 1)


def altered_points_cell(content: bytes) -> bytes:
    """A formula typed over with a number."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    book["指标评分"]["N8"].value = 2.9
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def altered_answer_cell(content: bytes) -> bytes:
    """One digit in the sheet's own XML, so that no program's way of saving plays a part."""
    inside = unzipped(content)
    sheet = inside["xl/worksheets/sheet4.xml"].replace(b"<v>650000</v>", b"<v>750000</v>")
    sheet = sheet.replace(b"<v>900000</v>", b"<v>950000</v>", 1)
    assert sheet != inside["xl/worksheets/sheet4.xml"]
    return zipped({**inside, "xl/worksheets/sheet4.xml": sheet})


def altered_docx(content: bytes) -> bytes:
    inside = unzipped(content)
    body = inside["word/document.xml"].replace("预算执行率90%".encode(), "预算执行率98%".encode(), 1)
    assert body != inside["word/document.xml"]
    return zipped({**inside, "word/document.xml": body})


@pytest.mark.parametrize(
    ("kind", "alter", "named"),
    [
        ("json", altered_json, "points was signed as 4.5, is 4.6"),
        ("json", altered_answer, "kpi_surveys: satisfaction in row 1 was signed as 87.0, is 88.0"),
        ("xlsx", altered_points_cell, "指标评分!N8 was signed as =IF(ISNUMBER(K8)"),
        ("xlsx", altered_answer_cell, "was signed as 900000, is 950000"),
        ("docx", altered_docx, "预算执行率90%）[E20]。” was signed"),
    ],
)
def test_one_digit_changed_is_named(
    folder: Path, fonts: Path, kind: str, alter: Callable[[bytes], bytes], named: str
) -> None:
    path = folder / f"{NAME}.{kind}"
    before = path.read_bytes()
    path.write_bytes(alter(before))
    assert path.read_bytes() != before
    problems = check(folder, fonts, kind).problems
    assert problems
    assert all(problem.startswith(path.name) for problem in problems)
    assert any(named in problem for problem in problems), problems


def test_one_digit_changed_in_the_pdf_is_named(folder: Path, fonts: Path, record: Record) -> None:
    """The same report, set anew with one digit changed."""
    blocks = [
        Paragraph(block.text.replace("预算执行率90%", "预算执行率98%")) if isinstance(block, Paragraph) else block
        for block in record.document.blocks
    ]
    other = msgspec.structs.replace(record.document, blocks=blocks)
    charts = draw(facts(), other.charts(), fonts)
    (folder / f"{NAME}.pdf").write_bytes(pdf.render(other, charts, fonts))
    problems = check(folder, fonts, "pdf").problems
    assert [problem for problem in problems if "90%" in problem and "98%" in problem], problems


def test_glyphs_exchanged_inside_the_pdf_are_named(folder: Path, fonts: Path) -> None:
    """Two glyphs of one page exchanged in its content stream, as an editor of PDF files does."""
    writer = pypdf.PdfWriter(clone_from=folder / f"{NAME}.pdf")
    page = writer.pages[3]
    stream = ContentStream(page.get_contents(), writer)
    text = next(line[0][0] for line, operator in stream.operations if operator == b"TJ" and len(line[0][0]) > 3)
    glyphs = text.original_bytes if isinstance(text, TextStringObject) else bytes(text)
    line = next(line for line, operator in stream.operations if operator == b"TJ" and line[0][0] is text)
    line[0][0] = ByteStringObject(glyphs[2:4] + glyphs[:2] + glyphs[4:])
    page.replace_contents(stream)
    writer.write(folder / f"{NAME}.pdf")
    problems = check(folder, fonts, "pdf").problems
    assert len(problems) == 1
    assert "was signed" in problems[0]


def test_a_changed_chart_is_found(folder: Path, fonts: Path) -> None:
    path = folder / f"{NAME}.docx"
    inside = unzipped(path.read_bytes())
    picture = next(name for name in inside if name.startswith("word/media/"))
    path.write_bytes(zipped({**inside, picture: inside[picture] + b"\0"}))
    (problem,) = check(folder, fonts, "docx").problems
    assert "a picture or the layout was changed" in problem
    assert word.Document(str(path)).paragraphs


def test_a_changed_manifest_is_found(folder: Path, fonts: Path) -> None:
    path = folder / f"{NAME}{MANIFEST}"
    envelope = msgspec.json.decode(path.read_bytes())
    payload = base64.b64decode(envelope["payload"]).replace(b'"points":4.5', b'"points":4.6', 1)
    path.write_bytes(msgspec.json.encode({**envelope, "payload": base64.b64encode(payload).decode()}))
    assert check(folder, fonts).problems[0].startswith("signature: does not fit")


def test_signed_anew_with_another_key_is_found(folder: Path, fonts: Path, record: Record) -> None:
    """Whoever changes the files and signs again has another key than the office's."""
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    path = folder / f"{NAME}{MANIFEST}"
    statement: Statement = make_statement(record, {f"{NAME}.json": encode(record)}, "2024-03-12T00:00:00+00:00")
    path.write_bytes(sign(statement, other))
    (folder / f"{NAME}{PUBLIC_KEY}").write_bytes(public_pem(other.public_key()))
    told = check(folder, fonts).problems
    assert told == [
        f"signature: of key {fingerprint(other.public_key())}, not of the trusted key {fingerprint(KEY.public_key())}"
    ]
    untrusting = check_folder(folder, f"{NAME}.json", [], fonts)
    assert untrusting.problems == []
    assert "compare it with the one that the office published" in untrusting.notes[0]


def test_a_file_of_another_report_and_a_missing_manifest(folder: Path, fonts: Path) -> None:
    with pytest.raises(UserError, match="is no file of a report"):
        check(folder, fonts, "txt")
    (folder / f"{NAME}.pdf").unlink()
    assert check(folder, fonts).notes[-1] == f"not here, so not compared: {NAME}.pdf"
    (folder / f"{NAME}{MANIFEST}").unlink()
    with pytest.raises(UserError, match="No such file"):
        check(folder, fonts)


def test_the_bundle_holds_all_and_is_checked(
    files: dict[str, bytes], record: Record, fonts: Path, tmp_path: Path
) -> None:
    packed = bundle(record, files, DEFAULT_INDICATORS.read_bytes())
    assert packed == bundle(record, files, DEFAULT_INDICATORS.read_bytes())
    assert set(files) < set(unzipped(packed))
    assert set(unzipped(packed)) >= {"sql/kpi_funds.sql", "indicators.yaml", "parameters.json", "partitions.json"}
    (tmp_path / "report.zip").write_bytes(packed)
    (tmp_path / "out").mkdir()
    name = unpack(tmp_path / "report.zip", tmp_path / "out")
    assert check_folder(tmp_path / "out", name, [KEY.public_key()], fonts).problems == []
    sql = tmp_path / "out" / "sql" / "kpi_funds.sql"
    sql.write_text(sql.read_text().replace("spent", "received"))
    (problem,) = check_folder(tmp_path / "out", name, [KEY.public_key()], fonts).problems
    assert problem == "sql/kpi_funds.sql: differs from what the report was made with"


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil"])
def test_a_bundle_writes_nowhere_else(files: dict[str, bytes], tmp_path: Path, name: str) -> None:
    (tmp_path / "report.zip").write_bytes(zipped({**files, name: b"x"}))
    with pytest.raises(UserError, match="holds no report"):
        unpack(tmp_path / "report.zip", tmp_path)
    (tmp_path / "report.zip").write_bytes(b"no zip")
    with pytest.raises(UserError, match="is no bundle"):
        unpack(tmp_path / "report.zip", tmp_path)


def test_without_a_warehouse_what_is_wrong_with_the_files_is_told(folder: Path, record: Record) -> None:
    settings = Settings(home=folder / "home", clickhouse_host="127.0.0.1", clickhouse_port=1)
    path, key = folder / f"{NAME}.json", folder / f"{NAME}{PUBLIC_KEY}"
    assert verify_file(settings, path, offline=True, key=key).problems == []
    with pytest.raises(UserError, match="ClickHouse did not answer"):
        verify_file(settings, path, key=key)
    path.write_bytes(altered_json(path.read_bytes()))
    verdict = verify_file(settings, path, key=key)
    assert (verdict.figures, verdict.verified, len(verdict.problems)) == (record.figures, 0, 1)
    assert "ClickHouse did not answer" in verdict.notes[-1]


def test_a_report_with_a_figure_that_does_not_hold_is_not_issued(record: Record) -> None:
    refuse_unverified(verify(record, make_ask()))
    with pytest.raises(UserError, match=r"the report is not issued: 1 of .* kpi_surveys: safety was 92\.0, is 91\.0"):
        refuse_unverified(verify(record, make_ask(changed("kpi_surveys", safety=91.0))))


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    first, again = signing_key(settings), signing_key(settings)
    assert fingerprint(first.public_key()) == fingerprint(again.public_key())
    (path,) = (tmp_path / "home" / "secrets").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_docx_and_json_are_the_same_bytes_twice(record: Record, files: dict[str, bytes], fonts: Path) -> None:
    charts = draw(facts(), record.document.charts(), fonts)
    assert docx.render(record.document, charts) == files[f"{NAME}.docx"]
    assert encode(record) == files[f"{NAME}.json"]
    with zipfile.ZipFile(io.BytesIO(files[f"{NAME}.docx"])) as opened:
        assert {member.date_time for member in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
