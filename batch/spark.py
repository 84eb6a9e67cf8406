"""One Spark session, the same for `local[2]` and for a cluster: UTC, quiet, Arrow, few shuffle partitions."""

import os
import sys
from pathlib import Path
from typing import Final

from pyspark.sql import SparkSession

from infra.local.java import find_java
from infra.local.parts import spark_kafka_jars
from infra.settings import Settings

LOCAL_MASTER: Final = "local[2]"
LOG_SETTINGS: Final = Path(__file__).with_name("log4j2.properties")
JAVA_OPTIONS: Final = f"-Dlog4j2.configurationFile={LOG_SETTINGS.as_uri()} -XX:+UseParallelGC"


def spark_session(settings: Settings, master: str = LOCAL_MASTER) -> SparkSession:
    """A session with the Kafka connector. Raises UserError where Java or the connector is missing."""
    java = find_java()
    if master.startswith("local"):  # a cluster has its own Python
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("JAVA_HOME", str(java.resolve().parents[1]))
    builder = SparkSession.builder.master(master).appName("anfang nightly")
    for name, value in spark_options(settings).items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def spark_options(settings: Settings) -> dict[str, str]:
    """What differs from Spark's defaults."""
    return {
        "spark.jars": ",".join(map(str, spark_kafka_jars(settings))),
        "spark.driver.memory": "2g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": JAVA_OPTIONS,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.task.maxFailures": "1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "false",  # a value out of range is a refused record, not the end of the job
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
        "spark.sql.execution.arrow.maxBytesPerBatch": "16m",  # an envelope may have a megabyte
        "spark.sql.json.enablePartialResults": "false",  # a wrong field makes the record wrong, however deep it lies
        "spark.sql.mapKeyDedupPolicy": "LAST_WIN",
    }
