-- Occupancy of each zone at the end of each minute: what the streams published last, beside the batch's own count.
CREATE TABLE IF NOT EXISTS zone_minutes
(
    estate_id LowCardinality(String),
    day Date COMMENT 'local day of the estate',
    minute DateTime('UTC') CODEC (Delta, ZSTD),
    zone_id LowCardinality(String),
    ins UInt32 COMMENT 'crossings into the zone in this minute, as the streams counted them',
    outs UInt32,
    batch_ins UInt32 COMMENT 'the same, recomputed by the batch from the day''s events',
    batch_outs UInt32,
    occupancy Float32 COMMENT 'persons at the end of the minute, estimated',
    low Float32 COMMENT 'lower end of the 95 % interval',
    high Float32 COMMENT 'upper end of the 95 % interval',
    visible Nullable(UInt32) COMMENT 'persons in view, last count of the minute',
    coverage LowCardinality(String) COMMENT 'full, partial or unknown',
    revision UInt32
)
ENGINE = MergeTree
PARTITION BY (estate_id, day)
ORDER BY (zone_id, minute)
TTL day + INTERVAL 5 YEAR;
