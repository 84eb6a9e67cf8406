-- What each camera told of itself, per minute, and what each gate decided.
CREATE TABLE IF NOT EXISTS camera_minutes
(
    estate_id LowCardinality(String),
    day Date COMMENT 'local day of the estate',
    minute DateTime('UTC') CODEC (Delta, ZSTD),
    camera_id LowCardinality(String),
    online UInt8,
    fps Float32 CODEC (ZSTD),
    decode_errors UInt32,
    picture LowCardinality(String) COMMENT 'ok, black, frozen, blurred, moved or covered',
    clock_offset_ms Float32 CODEC (ZSTD)
)
ENGINE = MergeTree
PARTITION BY (estate_id, day)
ORDER BY (camera_id, minute)
TTL day + INTERVAL 5 YEAR;

CREATE TABLE IF NOT EXISTS camera_sequences
(
    estate_id LowCardinality(String),
    day Date COMMENT 'local day of the estate',
    camera_id LowCardinality(String),
    boot_id String,
    zone_id LowCardinality(String),
    first_seq UInt64,
    last_seq UInt64,
    received UInt64 COMMENT 'distinct envelopes; a gap is last - first + 1 - received'
)
ENGINE = MergeTree
PARTITION BY (estate_id, day)
ORDER BY (camera_id, boot_id, zone_id)
TTL day + INTERVAL 5 YEAR;

CREATE TABLE IF NOT EXISTS gate_passages
(
    estate_id LowCardinality(String),
    day Date COMMENT 'local day of the estate',
    event_time DateTime64(3, 'UTC') CODEC (Delta, ZSTD),
    passage_id String CODEC (ZSTD),
    gate_id LowCardinality(String),
    direction Int8,
    method LowCardinality(String),
    granted UInt8
)
ENGINE = MergeTree
PARTITION BY (estate_id, day)
ORDER BY (gate_id, event_time)
TTL day + INTERVAL 5 YEAR;
