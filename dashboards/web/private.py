"""Records in one file of mode 0600 under the settings' home: users, API keys."""

from collections.abc import Iterable
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from infra.errors import UserError
from infra.local.files import write_private

Record = TypeVar("Record", bound=Struct)


class PrivateFile(Generic[Record]):
    """A JSON list of `kind`. It is read again when it has changed, so that what was taken away is gone at once."""

    def __init__(self, path: Path, kind: type[Record]) -> None:
        self.path = path
        self._decoder = msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]
        self._stamp: tuple[int, int] | None = None
        self._known: list[Record] = []

    def read(self) -> list[Record]:
        """All records; none without a file. Raises UserError where the file cannot be read."""
        try:
            found = self.path.stat()
            if (found.st_mtime_ns, found.st_ino) != self._stamp:
                self._known = self._decoder.decode(self.path.read_bytes())
                self._stamp = (found.st_mtime_ns, found.st_ino)
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError) as error:
            raise UserError(f"cannot read {self.path}: {error}", "mend it, or delete it and begin anew") from error
        return self._known

    def write(self, records: Iterable[Record]) -> None:
        """Replace all records."""
        write_private(self.path, msgspec.json.format(msgspec.json.encode(list(records))))
