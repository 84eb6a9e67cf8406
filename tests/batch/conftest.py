"""One Spark session for all tests of this folder: it takes seconds to start."""

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from batch.spark import spark_session
from infra.settings import SMALL_SITE, Settings
from infra.site import Site, load_site


@pytest.fixture(scope="session")
def spark(stack: Settings) -> Iterator[SparkSession]:
    """A local session with the Kafka connector."""
    session = spark_session(stack)
    yield session
    session.stop()


@pytest.fixture(scope="session")
def site() -> Site:
    """The small estate."""
    return load_site(SMALL_SITE)
