"""One Spark session for all tests of this folder: it takes seconds to start."""

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from batch.spark import spark_session
from infra.settings import SMALL_SITE, Settings
from infra.site import Site, load_site
from tests.batch.recovery import Troubled, prepare


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


@pytest.fixture
def troubled(fresh: Settings, site: Site, spark: SparkSession) -> Troubled:
    """What a nightly is to meet trouble with."""
    return prepare(fresh, site, spark)
