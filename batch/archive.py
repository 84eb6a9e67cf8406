"""The archive: what Kafka held of each local day, as Parquet files with a manifest of their SHA-256.

It is evidence, and the source of a nightly whose day Kafka has dropped. A record lies under the local day of its Kafka
timestamp, with key, value and headers as they came. `ARCHIVE/estate=ID/day=DAY/manifest.json` names the day's files;
a file's name holds a part of its hash, and the manifest is replaced by renaming. So a reader sees the old day or the
new one, a killed writer leaves no more than files that no manifest names, and writing a day again that has not changed
changes nothing. A day is never replaced by fewer records of a topic. On a cluster the folder must be one that all of
Spark's machines share.
"""

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import msgspec
import pyarrow.parquet as pq
import structlog
from msgspec import Struct
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812 the name everyone knows

from batch.accounting import losses
from batch.days import local_day
from batch.kafka import offsets_since, read_records, whole_since_ms
from infra.clock import Clock, day_start_ms
from infra.errors import UserError
from infra.local.files import file_sha256, private_folder, write_private
from infra.settings import Settings
from infra.site import Site
from infra.topics import ALERTS, DEAD_LETTERS, DETECTIONS, DISPOSITIONS, GATE_PASSAGES, OCCUPANCY, Topic

ARCHIVED: Final = (DETECTIONS, GATE_PASSAGES, OCCUPANCY, ALERTS, DISPOSITIONS, DEAD_LETTERS)
RECORD_SCHEMA: Final = (
    "key binary, value binary, headers array<struct<key: string, value: binary>>, "
    "kafka_partition int, kafka_offset bigint, kafka_ms bigint"
)
RECORDS_PER_FILE: Final = 2_000_000
MANIFEST: Final = "manifest.json"
WRITING: Final = ".writing"

log = structlog.get_logger()


class ArchivedFile(Struct, frozen=True, kw_only=True):
    """One Parquet file of a day."""

    name: str
    topic: str
    records: int
    bytes: int
    sha256: str


class Manifest(Struct, frozen=True, kw_only=True):
    """What a day of the archive consists of; `sha256` is over the names and hashes of its files, in order."""

    version: int = 1
    estate_id: str
    day: date
    timezone: str
    sha256: str
    files: list[ArchivedFile]

    @property
    def records(self) -> int:
        """Records of all topics."""
        return sum(file.records for file in self.files)


def estate_folder(settings: Settings, site: Site) -> Path:
    """The archive of one estate."""
    return settings.archive_folder() / f"estate={site.estate.id}"


def day_folder(settings: Settings, site: Site, day: date) -> Path:
    """The folder of one day; it need not exist."""
    return estate_folder(settings, site) / f"day={day}"


def archived_days(settings: Settings, site: Site) -> list[date]:
    """The days that have a manifest, in order."""
    found = estate_folder(settings, site).glob(f"day=*/{MANIFEST}")
    return sorted(date.fromisoformat(path.parent.name.removeprefix("day=")) for path in found)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a day's folder. Raises UserError where it is none, or is not that of its files' hashes."""
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise UserError(f"{path}: {error}", "bring the file back from a backup of the archive") from error
    if manifest.sha256 != day_sha256(manifest.files) or f"day={manifest.day}" != folder.name:
        raise UserError(f"{path} was changed: it does not fit its own hash", "bring it back from a backup")
    return manifest


def day_sha256(files: Iterable[ArchivedFile]) -> str:
    """The hash of a day: SHA-256 over a line `name sha256 records` for each of its files."""
    lines = "".join(f"{file.name} {file.sha256} {file.records}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def files_of(settings: Settings, site: Site, day: date, topic: Topic) -> list[tuple[Path, ArchivedFile]]:
    """The files of one topic and day."""
    folder = day_folder(settings, site, day)
    return [(folder / file.name, file) for file in read_manifest(folder).files if file.topic == topic.name]


def damage(path: Path, file: ArchivedFile) -> str | None:
    """What is wrong with an archived file, naming it; None where its bytes are those that were written."""
    if not path.exists():
        return f"{path} is missing"
    found = file_sha256(path)
    return None if found == file.sha256 else f"{path} was changed: SHA-256 {found}, written was {file.sha256}"


def verify_day(settings: Settings, site: Site, day: date) -> list[str]:
    """Every problem of an archived day, each naming a file; a file that no manifest names is one, too."""
    folder = day_folder(settings, site, day)
    try:
        manifest = read_manifest(folder)
    except UserError as error:
        return [error.problem]
    problems = [problem for file in manifest.files if (problem := damage(folder / file.name, file))]
    named = {MANIFEST, *(file.name for file in manifest.files)}
    return problems + [f"{path} is in no manifest" for path in sorted(folder.iterdir()) if path.name not in named]


def archive_days(
    spark: SparkSession, settings: Settings, site: Site, days: Sequence[date], clock: Clock
) -> list[Manifest]:
    """Archive those of `days` that have ended and that Kafka holds whole, and the day before where it is missing.

    The day before, because a nightly from the archive wants it; call it while you hold the nightly's lease.
    """
    before = days[0] - timedelta(days=1)
    now_ms = clock.now_ms()
    since_ms = whole_since_ms(settings, ARCHIVED, now_ms)
    known = set(archived_days(settings, site))
    wanted = [day for day in (before, *days) if day != before or day not in known]
    ready = [
        day
        for day in wanted
        if since_ms <= day_start_ms(day, site.tz) and day_start_ms(day + timedelta(days=1), site.tz) <= now_ms
    ]
    return write_days(spark, settings, site, ready) if ready else []


def write_days(spark: SparkSession, settings: Settings, site: Site, days: Sequence[date]) -> list[Manifest]:
    """Archive some consecutive days from Kafka, which must still hold them whole; returns their manifests."""
    root = private_folder(estate_folder(settings, site))
    shutil.rmtree(root / WRITING, ignore_errors=True)  # of a writer that was killed
    temporary = private_folder(root / WRITING)
    try:
        for topic in ARCHIVED:
            records = _write_topic(spark, settings, site, days, topic, temporary / topic.name)
            _check_written([path for day in days for path in _written(temporary, topic, day)], topic, records)
        return [_commit(settings, site, day, temporary) for day in days]
    finally:
        shutil.rmtree(temporary)


def _write_topic(  # noqa: PLR0917
    spark: SparkSession, settings: Settings, site: Site, days: Sequence[date], topic: Topic, folder: Path
) -> int:
    """Write the topic's records, one folder a day; a file for each of the detections' partitions. Returns how many."""
    start_ms, end_ms = (day_start_ms(day, site.tz) for day in (days[0], days[-1] + timedelta(days=1)))
    offsets = offsets_since(settings, topic, start_ms)
    records = read_records(spark, settings, offsets)
    within = records.where((F.col("kafka_ms") >= start_ms) & (F.col("kafka_ms") < end_ms))
    part = F.col("kafka_partition") if topic is DETECTIONS else F.lit(0)
    dated = within.withColumn("day", local_day(F.col("kafka_ms"), site.estate.timezone)).withColumn("part", part)
    seen = Observation()
    _sorted(dated).observe(seen, F.count(F.lit(1)).alias("records")).write.partitionBy("day", "part").options(
        compression="zstd", maxRecordsPerFile=str(RECORDS_PER_FILE)
    ).parquet(local_uri(folder))
    return int(seen.get["records"])


def local_uri(path: Path) -> str:
    """The path as Spark wants it: it does not decode what `Path.as_uri` encodes."""
    return f"file://{path}"


def _written(temporary: Path, topic: Topic, day: date) -> list[Path]:
    return sorted((temporary / topic.name / f"day={day}").glob("part=*/part-*.parquet"))


def _check_written(files: Sequence[Path], topic: Topic, records: int) -> None:
    """Whether the files hold what went through Spark."""
    if (found := sum(map(_records, files))) != records:
        raise UserError(
            f"{topic.name}: {records} records were written to the archive, {found} are there", "look at its disk"
        )


def _sorted(dated: DataFrame) -> DataFrame:
    return dated.repartition("day", "part").sortWithinPartitions("day", "part", "kafka_partition", "kafka_offset")


def _commit(settings: Settings, site: Site, day: date, temporary: Path) -> Manifest:
    """Move a day's files to where they belong, then replace the manifest, then remove what it no longer names.

    A manifest that names more records of a topic stays, and is returned.
    """
    folder = private_folder(day_folder(settings, site, day))
    files = [_placed(path, topic, folder) for topic in ARCHIVED for path in _written(temporary, topic, day)]
    manifest = Manifest(
        estate_id=site.estate.id,
        day=day,
        timezone=site.estate.timezone,
        sha256=day_sha256(files),
        files=files,
    )
    if (standing := _standing(folder)) and (losing := losses(_by_topic(standing), _by_topic(manifest))):
        log.warning("the archived day would lose records and is left as it is", day=str(day), because=losing[day])
        manifest = standing
    else:
        write_private(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    named = {MANIFEST, *(file.name for file in manifest.files)}
    for left in [path for path in folder.iterdir() if path.name not in named]:
        left.unlink()
    return manifest


def _standing(folder: Path) -> Manifest | None:
    """The manifest that stands there; None where there is none that can be read."""
    try:
        return read_manifest(folder)
    except UserError:
        return None


def _by_topic(manifest: Manifest) -> dict[date, Counter[str]]:
    """How many records of each topic the manifest's day has."""
    counted: Counter[str] = Counter()
    for file in manifest.files:
        counted[file.topic] += file.records
    return {manifest.day: counted}


def _placed(path: Path, topic: Topic, folder: Path) -> ArchivedFile:
    """The file under its final name, which begins with topic and Kafka partition."""
    digest = file_sha256(path)
    name = f"{topic.name}-{path.parent.name.removeprefix('part=')}-{digest[:16]}.parquet"
    path.chmod(0o600)
    size = path.stat().st_size
    path.rename(folder / name)
    return ArchivedFile(name=name, topic=topic.name, records=_records(folder / name), bytes=size, sha256=digest)


def _records(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)


def drop_day(settings: Settings, site: Site, day: date) -> None:
    """Delete a day; first its manifest, so that nobody takes it for whole."""
    folder = day_folder(settings, site, day)
    (folder / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
