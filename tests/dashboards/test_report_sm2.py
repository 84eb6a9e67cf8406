"""SM2: the standard's own example holds; what we sign is checked by plain integers; and a report is checked offline."""

import base64
import hashlib
import shutil
from pathlib import Path
from typing import Final

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from dashboards.report.attest import (
    MANIFEST,
    PUBLIC_KEY,
    fingerprint,
    make_statement,
    own_publics,
    public_pem,
    read_public,
    sign,
    signing_key,
)
from dashboards.report.indicators import DEFAULT_INDICATORS, digest_of
from dashboards.report.narrative import write
from dashboards.report.record import encode, make_record
from dashboards.report.sm2 import Sm2Private, Sm2Public, new_key
from dashboards.report.verify_file import verify_file
from infra.errors import UserError
from infra.settings import Settings
from tests.dashboards.report_facts import facts

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no program openssl")

# sm2p256v1, and the example of GM/T 0003.5-2012, appendix A.2.
P: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A: Final = P - 3
B: Final = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G: Final = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
PUBLIC: Final = (
    0x09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020,
    0xCCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13,
)
R: Final = 0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3
S: Final = 0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA
MESSAGE: Final = b"message digest"
HEAD: Final = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")
Point = tuple[int, int] | None


def added(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    slope = (3 * x1 * x1 + A) * pow(2 * y1, -1, P) if one == other else (y2 - y1) * pow(x2 - x1, -1, P)
    x = (slope * slope - x1 - x2) % P
    return x, (slope * (x1 - x) - y1) % P


def times(factor: int, point: Point) -> Point:
    result: Point = None
    while factor:
        result = added(result, point) if factor & 1 else result
        point, factor = added(point, point), factor >> 1
    return result


def holds(public: tuple[int, int], message: bytes, r: int, s: int, who: bytes = b"1234567812345678") -> bool:
    """GB/T 32918.2, 7.1, in plain integers; only the digest is a library's."""
    parts = b"".join(number.to_bytes(32, "big") for number in (A, B, *G, *public))
    z = hashlib.new("sm3", (8 * len(who)).to_bytes(2, "big") + who + parts).digest()
    e, t = int.from_bytes(hashlib.new("sm3", z + message).digest(), "big"), (r + s) % N
    point = added(times(s, G), times(t, public))
    return 0 < r < N and 0 < s < N and t != 0 and point is not None and (e + point[0]) % N == r


def pem_of(public: tuple[int, int]) -> bytes:
    der = HEAD + b"\x04" + b"".join(number.to_bytes(32, "big") for number in public)
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(der) + b"-----END PUBLIC KEY-----\n"


def point_of(key: Sm2Public) -> tuple[int, int]:
    der = base64.b64decode(b"".join(key.pem.splitlines()[1:-1]))
    assert der[:27] == HEAD + b"\x04"
    return int.from_bytes(der[27:59], "big"), int.from_bytes(der[59:], "big")


def test_the_standards_example_holds_and_nothing_else() -> None:
    assert holds(PUBLIC, MESSAGE, R, S)
    key = Sm2Public(pem_of(PUBLIC))
    key.verify(encode_dss_signature(R, S), MESSAGE)
    for r, s, message in ((R ^ 1, S, MESSAGE), (R, S + 1, MESSAGE), (R, S, MESSAGE + b"."), (0, S, MESSAGE)):
        with pytest.raises(InvalidSignature):
            key.verify(encode_dss_signature(r, s), message)
    with pytest.raises(InvalidSignature):
        key.verify(b"no signature", MESSAGE)


def test_what_we_sign_holds_by_plain_integers(tmp_path: Path) -> None:
    new_key(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    key = Sm2Private(tmp_path / "key.pem")
    r, s = decode_dss_signature(key.sign(MESSAGE))
    assert holds(point_of(key.public_key()), MESSAGE, r, s)
    assert not holds(point_of(key.public_key()), MESSAGE, s, r)
    assert (
        fingerprint(key.public_key())
        == hashlib.sha256(base64.b64decode(b"".join(key.public_key().pem.splitlines()[1:-1]))).hexdigest()
    )


def report_in(folder: Path, settings: Settings) -> Path:
    """A report's JSON in `folder`, signed as the settings say."""
    found = facts()
    record = make_record(found, write(found), digest_of(DEFAULT_INDICATORS))
    key, files = signing_key(settings), {"garden.json": encode(record)}
    files[f"garden{MANIFEST}"] = sign(make_statement(record, files, "2024-03-12T00:00:00+00:00"), key)
    files[f"garden{PUBLIC_KEY}"] = public_pem(key.public_key())
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder / "garden.json"


def test_a_report_signed_with_sm2_is_checked_offline(tmp_path: Path) -> None:
    sm2 = Settings(home=tmp_path / "home", report_signature="sm2")
    path = report_in(tmp_path / "signed", sm2)
    key = read_public(tmp_path / "signed" / f"garden{PUBLIC_KEY}")
    assert key == signing_key(sm2).public_key()
    told = f"signed with key {fingerprint(key)}"
    assert (verify_file(sm2, path, offline=True).problems, verify_file(sm2, path, offline=True).notes) == ([], [told])
    by_others = verify_file(Settings(home=tmp_path / "other"), path, offline=True)
    assert by_others.problems == []
    assert by_others.notes[0].startswith(f"{told} (the key beside the report")
    manifest = path.with_name(f"garden{MANIFEST}")
    envelope = msgspec.json.decode(manifest.read_bytes())
    payload = base64.b64decode(envelope["payload"]).replace(b'"points":4.5', b'"points":4.6', 1)
    manifest.write_bytes(msgspec.json.encode({**envelope, "payload": base64.b64encode(payload).decode()}))
    assert verify_file(sm2, path, offline=True).problems[0].startswith("signature: does not fit")


def test_after_a_change_of_algorithm_former_reports_still_hold(tmp_path: Path) -> None:
    former = Settings(home=tmp_path / "home")
    path = report_in(tmp_path / "former", former)
    latter = Settings(home=tmp_path / "home", report_signature="sm2")
    later = report_in(tmp_path / "later", latter)
    assert len(own_publics(latter)) == 2
    for settings in (former, latter):
        for one in (path, later):
            assert verify_file(settings, one, offline=True).problems == []
    strange = report_in(tmp_path / "strange", Settings(home=tmp_path / "elsewhere", report_signature="sm2"))
    (problem,) = verify_file(latter, strange, offline=True).problems
    assert "not of the trusted key" in problem


def test_keys_that_are_none_of_ours_are_told(tmp_path: Path) -> None:
    for name, content in (
        ("no.pem", b"nothing"),
        ("rsa.pem", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=name):
            read_public(tmp_path / name)
