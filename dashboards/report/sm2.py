"""SM2 signatures with SM3 (GM/T 0003.2, GB/T 32918.2), by the program `openssl`, 3.0 or later.

`cryptography` does not know the curve. Keys are PEM (PKCS 8 and SubjectPublicKeyInfo), a signature is the DER of r and
s, and the signer's id is the one that GM/T 0009 gives where none was agreed on.
"""

import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cryptography.exceptions import InvalidSignature
from msgspec import Struct

from infra.errors import UserError
from infra.local.files import write_private

CURVE: Final = bytes.fromhex("06082a811ccf5501822d")  # the DER of sm2p256v1's OID, 1.2.156.10197.1.301
HOW: Final = ["-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678"]


class Sm2Public(Struct, frozen=True):
    """A public key, as PEM."""

    pem: bytes

    def verify(self, signature: bytes, message: bytes) -> None:
        """Raises InvalidSignature where it is not this key's signature of the message."""
        with TemporaryDirectory(prefix="anfang-sm2-") as name:
            key, signed, content = (Path(name) / part for part in ("key", "signature", "message"))
            for path, data in ((key, self.pem), (signed, signature), (content, message)):
                path.write_bytes(data)
            files: list[str | Path] = ["-inkey", key, "-in", content, "-sigfile", signed]
            if _openssl("pkeyutl", "-verify", "-pubin", *files, *HOW).returncode:
                raise InvalidSignature


class Sm2Private(Struct, frozen=True):
    """A private key, in a file of mode 0600."""

    path: Path

    def sign(self, message: bytes) -> bytes:
        """The signature of the message."""
        with TemporaryDirectory(prefix="anfang-sm2-") as name:
            content = Path(name) / "message"
            content.write_bytes(message)
            return _answer("pkeyutl", "-sign", "-inkey", self.path, "-in", content, *HOW)

    def public_key(self) -> Sm2Public:
        """Its public half."""
        return Sm2Public(_answer("pkey", "-in", self.path, "-pubout"))


def new_key(path: Path) -> None:
    """Make a private key."""
    write_private(path, _answer("genpkey", "-algorithm", "SM2"))


def is_sm2(der: bytes) -> bool:
    """Whether a SubjectPublicKeyInfo is of this curve."""
    return CURVE in der[:32]


def _answer(*arguments: str | Path) -> bytes:
    done = _openssl(*arguments)
    if done.returncode:
        told = re.sub(r"\s+", " ", done.stderr.decode(errors="replace"))[:200]
        raise UserError(f"openssl {arguments[0]} failed: {told}", "see that the key is an SM2 key in PEM")
    return done.stdout


def _openssl(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["openssl", *arguments], check=False, capture_output=True, timeout=60)
    except FileNotFoundError as error:
        raise UserError(
            "SM2 needs the program openssl", "install openssl 3.0 or later, or set ANFANG_REPORT_SIGNATURE=ed25519"
        ) from error
