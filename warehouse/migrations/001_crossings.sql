-- One row per line crossing, after de-duplication. Written by the nightly, a whole day of an estate at a time.
CREATE TABLE IF NOT EXISTS crossings
(
    estate_id LowCardinality(String),
    day Date COMMENT 'local day of the estate',
    event_time DateTime64(3, 'UTC') CODEC (Delta, ZSTD),
    crossing_id String CODEC (ZSTD),
    line_id LowCardinality(String),
    camera_id LowCardinality(String),
    direction Int8 COMMENT '+1 from the line''s from_zone to its to_zone, -1 back',
    track_id Int64 CODEC (ZSTD),
    object_class LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY (estate_id, day)
ORDER BY (line_id, event_time, crossing_id)
TTL day + INTERVAL 5 YEAR;
