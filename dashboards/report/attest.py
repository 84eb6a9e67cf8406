"""Signed evidence: a report's files by digest and all that they say, as a signed in-toto Statement.

The manifest is a DSSE envelope (github.com/secure-systems-lab/dsse, protocol 1.0.0) around an in-toto Statement v1
(github.com/in-toto/attestation): its subjects are the files, its predicate is the report's record, which holds every
figure, query, partition digest and the digest of the indicator file. The signature is Ed25519 (RFC 8032) or, where the
settings say so, SM2 with SM3 (`sm2.py`); which of them, the key tells. A signature proves that the holder of the key
signed it: whether the key is the office's, its fingerprint tells.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from msgspec import Struct, field

from dashboards.report.record import Record
from dashboards.report.sm2 import Sm2Private, Sm2Public, is_sm2, new_key
from infra.errors import UserError
from infra.local.files import write_private
from infra.settings import Settings

PEM: Final = re.compile(rb"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----")
Algorithm = Literal["ed25519", "sm2"]
PrivateKey = Ed25519PrivateKey | Sm2Private
PublicKey = Ed25519PublicKey | Sm2Public
STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "urn:anfang:performance-report:2"
PAYLOAD: Final = "application/vnd.in-toto+json"
MANIFEST: Final = ".intoto.jsonl"
PUBLIC_KEY: Final = ".pub.pem"
"""How the names of these two files end."""
KEY_FILES: Final[dict[Algorithm, str]] = {"ed25519": "report_signing_key.pem", "sm2": "report_signing_key_sm2.pem"}


class Subject(Struct, frozen=True):
    """A file and its digest, {"sha256": hex}."""

    name: str
    digest: dict[str, str]


class Predicate(Struct, frozen=True):
    """What is stated of the files: when it was computed (UTC, ISO 8601), and the report itself."""

    computed_at: str
    record: Record


class Statement(Struct, frozen=True, kw_only=True):
    """An in-toto Statement v1."""

    type: Literal["https://in-toto.io/Statement/v1"] = field(name="_type")
    subject: list[Subject]
    predicate_type: Literal["urn:anfang:performance-report:2"] = field(name="predicateType")
    predicate: Predicate


class Signature(Struct, frozen=True):
    """A signature in base64, and the fingerprint of its key."""

    keyid: str
    sig: str


class Envelope(Struct, frozen=True):
    """A DSSE envelope; `payload` is base64."""

    payload: str
    payload_type: Literal["application/vnd.in-toto+json"] = field(name="payloadType")
    signatures: list[Signature]


def make_statement(record: Record, files: Mapping[str, bytes], computed_at: str) -> Statement:
    """The statement about `files`, {name: content}."""
    subjects = [Subject(name, {"sha256": digest(content)}) for name, content in sorted(files.items())]
    return Statement(
        type=STATEMENT, subject=subjects, predicate_type=PREDICATE, predicate=Predicate(computed_at, record)
    )


def sign(statement: Statement, key: PrivateKey) -> bytes:
    """The signed envelope as one line of JSON."""
    payload = msgspec.json.encode(statement)
    signed = Signature(fingerprint(key.public_key()), base64.b64encode(key.sign(encoded(PAYLOAD, payload))).decode())
    envelope = Envelope(base64.b64encode(payload).decode(), PAYLOAD, [signed])
    return msgspec.json.encode(envelope) + b"\n"


def open_manifest(path: Path) -> tuple[Statement, Envelope]:
    """A manifest, its signature not checked yet. Raises UserError where it is none."""
    try:
        envelope = msgspec.json.decode(path.read_bytes(), type=Envelope)
        payload = base64.b64decode(envelope.payload, validate=True)
        return msgspec.json.decode(payload, type=Statement), envelope
    except OSError as error:
        raise UserError(
            f"{path}: {error.strerror}", "keep the signed manifest beside the report's files, or verify its bundle"
        ) from error
    except (msgspec.DecodeError, binascii.Error) as error:
        raise UserError(f"{path} is no signed manifest: {error}", "take the manifest that was issued") from error


def signed_by(envelope: Envelope, key: PublicKey) -> bool:
    """Whether the envelope carries a signature of this key over its payload."""
    message = encoded(envelope.payload_type, base64.b64decode(envelope.payload))
    return any(_holds(key, signature.sig, message) for signature in envelope.signatures)


def _holds(key: PublicKey, signature: str, message: bytes) -> bool:
    try:
        key.verify(base64.b64decode(signature, validate=True), message)
    except (InvalidSignature, binascii.Error):
        return False
    return True


def encoded(kind: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: what is signed."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


def digest(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def fingerprint(key: PublicKey) -> str:
    """SHA-256 of the key's SubjectPublicKeyInfo in hex."""
    return digest(_der(public_pem(key)))


def public_pem(key: PublicKey) -> bytes:
    """The public key as PEM."""
    if isinstance(key, Sm2Public):
        return key.pem
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _der(pem: bytes) -> bytes:
    """What is between the lines that begin and end a PEM file. Raises ValueError where there is nothing."""
    found = PEM.search(pem)
    if found is None:
        raise ValueError("no PUBLIC KEY in it")
    return base64.b64decode(found[1])


def read_public(path: Path) -> PublicKey:
    """A public key in PEM. Raises UserError where it is none that we know."""
    remedy = "give the .pem file that the office published"
    try:
        pem = path.read_bytes()
        key = Sm2Public(pem) if is_sm2(_der(pem)) else load_pem_public_key(pem)
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise UserError(f"{path}: no public key: {error}", remedy) from error
    if not isinstance(key, PublicKey):
        raise UserError(f"{path}: neither an Ed25519 nor an SM2 key", remedy)
    return key


def signing_key(settings: Settings) -> PrivateKey:
    """This installation's own key of the algorithm that the settings name, made on first use (mode 0600)."""
    return _own_key(settings, settings.report_signature)


def _own_key(settings: Settings, algorithm: Algorithm) -> PrivateKey:
    path = _key_path(settings, algorithm)
    if algorithm == "sm2":
        if not path.exists():
            new_key(path)
        return Sm2Private(path)
    if not path.exists():
        new = Ed25519PrivateKey.generate()
        write_private(path, new.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError(f"{path}: not an Ed25519 key", "move it away; a new one is made at the next report")
    return key


def own_publics(settings: Settings) -> list[PublicKey]:
    """The public halves of this installation's keys, none where it never signed."""
    return [_own_key(settings, one).public_key() for one in KEY_FILES if _key_path(settings, one).exists()]


def _key_path(settings: Settings, algorithm: Algorithm) -> Path:
    return settings.home.absolute() / "secrets" / KEY_FILES[algorithm]
