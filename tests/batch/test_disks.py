"""A full disk is told in words, whoever met it; another failure goes through as it is."""

import errno

import pytest
from clickhouse_driver.errors import ErrorCodes, ServerException
from pyspark.errors import PySparkException

from batch.disks import full_disk_told
from infra.errors import UserError

HTTP = "Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE) (version 26.7.2.1)"


@pytest.mark.parametrize(
    ("failure", "whose"),
    [
        (
            ServerException("DB::Exception: Cannot reserve 1.00 MiB, not enough space", ErrorCodes.NOT_ENOUGH_SPACE),
            "ClickHouse",
        ),
        (ServerException("DB::Exception: write failed: No space left on device", 75), "ClickHouse"),
        (PySparkException(f"NotInsertedError: 70 rows were not taken: {HTTP}"), "ClickHouse"),
        (PySparkException("java.io.IOException: No space left on device"), "Spark"),
        (OSError(errno.ENOSPC, "No space left on device"), "Spark"),
    ],
)
def test_a_full_disk_is_told(failure: Exception, whose: str) -> None:
    with pytest.raises(UserError, match=f"{whose}: the disk is full"), full_disk_told():
        raise failure


@pytest.mark.parametrize(
    "failure", [ServerException("DB::Exception: Memory limit exceeded", 241), OSError(errno.EACCES, "denied")]
)
def test_another_failure_goes_through(failure: Exception) -> None:
    with pytest.raises(type(failure)) as raised, full_disk_told():
        raise failure
    assert raised.value is failure
