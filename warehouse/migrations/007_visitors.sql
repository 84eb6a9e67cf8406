-- Who was known again within the day: random tokens of that day, which no reader may see; and what they are counted to.
CREATE TABLE IF NOT EXISTS visitors
(
    estate_id LowCardinality(String),
    day Date COMMENT 'local day of the estate',
    event_time DateTime64(3, 'UTC') CODEC (Delta, ZSTD),
    zone_id LowCardinality(String) COMMENT 'home zone of the camera',
    camera_id LowCardinality(String),
    boot_id LowCardinality(String),
    track_id Int64 CODEC (ZSTD),
    token String COMMENT 'person-related: readable by no reader; random, of this day only' CODEC (ZSTD)
)
ENGINE = MergeTree
PARTITION BY (estate_id, day)
ORDER BY (zone_id, event_time, camera_id, track_id)
TTL day + INTERVAL 30 DAY;

CREATE TABLE IF NOT EXISTS visitor_counts
(
    estate_id LowCardinality(String),
    day Date COMMENT 'local day of the estate',
    zone_id LowCardinality(String) COMMENT 'empty: the whole estate, where a visitor of two zones is one',
    unique_visitors UInt32 COMMENT 'distinct tokens',
    returning_visitors UInt32 COMMENT 'tokens with more than one pass',
    passes UInt32 COMMENT 'tracks with a token; a track without a usable face has none'
)
ENGINE = MergeTree
PARTITION BY (estate_id, day)
ORDER BY zone_id
TTL day + INTERVAL 5 YEAR;
