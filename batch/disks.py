"""A disk that fills up while the nightly works, told to whoever runs it in words rather than in Spark's stack trace."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from clickhouse_driver.errors import Error
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from infra.errors import UserError

FULL: Final = ("Code: 243.", "No space left on device")
"""As ClickHouse says it by HTTP and by its own protocol (243 is NOT_ENOUGH_SPACE), and as the kernel does."""
FAILURES: Final = (Error, Py4JError, PySparkException, OSError)
"""What Spark, ClickHouse and Python raise, among others, when they cannot write."""


@contextmanager
def full_disk_told() -> Iterator[None]:
    """Raises UserError, which says whose disk, in place of a failure because a disk is full; others go through."""
    try:
        yield
    except FAILURES as error:
        said = str(error)
        if not any(sign in said for sign in FULL):
            raise
        full, where = ("ClickHouse", "") if "DB::Exception" in said else ("Spark", " (SPARK_LOCAL_DIRS or /tmp)")
        raise UserError(
            f"{full}: the disk is full",
            f"free some of it{where} and run the nightly again; readers see whole days, the old ones or the new",
        ) from error
