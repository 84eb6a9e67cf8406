-- Every record that Kafka held for the day, accounted for: raw = valid + duplicates + dead_letters. One row per day;
-- a re-run replaces it with a later loaded_at.
CREATE TABLE IF NOT EXISTS nightly_accounting
(
    estate_id LowCardinality(String),
    day Date,
    raw UInt64 COMMENT 'records of the detections topic that belong to the day',
    valid UInt64 COMMENT 'distinct valid envelopes',
    duplicates UInt64,
    dead_letters UInt64 COMMENT 'records that the batch refused',
    late UInt64 COMMENT 'valid records that came on this day for another, outside its grace: loaded nowhere',
    streamed_dead_letters UInt64 COMMENT 'records that the streams refused, for the same day',
    crossings UInt64,
    alerts UInt64,
    zone_minutes UInt64,
    differing_zone_minutes UInt64 COMMENT 'zone-minutes where stream and batch counted differently',
    content_hash String COMMENT 'hash over the day''s crossings, order-free',
    loaded_at DateTime64(3, 'UTC'),
    seconds Float32
)
ENGINE = ReplacingMergeTree(loaded_at)
ORDER BY (estate_id, day);
