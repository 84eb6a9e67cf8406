-- Who read person-related tables, or was refused: taken from system.query_log, which lives shorter on some servers.
CREATE TABLE IF NOT EXISTS read_log
(
    day Date COMMENT 'UTC day',
    event_time DateTime64(6, 'UTC'),
    query_id String,
    user LowCardinality(String),
    address String,
    tables Array(LowCardinality(String)) COMMENT 'the person-related ones of this database that were read',
    read_rows UInt64,
    refused UInt8 COMMENT '1: ClickHouse did not allow it; then tables may be empty',
    query String CODEC (ZSTD)
)
ENGINE = MergeTree
PARTITION BY day
ORDER BY (event_time, query_id)
TTL day + INTERVAL 400 DAY;

-- What was the oldest in each store when it was looked: the proof that nothing is kept for longer than allowed.
CREATE TABLE IF NOT EXISTS retention_proofs
(
    estate_id LowCardinality(String),
    proved_at DateTime64(3, 'UTC'),
    day Date COMMENT 'local day of the estate',
    store LowCardinality(String),
    oldest Nullable(Date) COMMENT 'local day of the oldest record; NULL where there is none',
    allowed_days UInt32,
    kept_to UInt8 COMMENT '1: nothing is older than allowed'
)
ENGINE = MergeTree
ORDER BY (estate_id, day, store, proved_at)
TTL day + INTERVAL 5 YEAR;
