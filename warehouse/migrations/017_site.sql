-- What the site file says of an estate, so that people read names: written by `anfang warehouse migrate` and by each
-- nightly. Rows with the estate's recorded_at are those of today's file; older ones keep the names of what is gone.
CREATE TABLE IF NOT EXISTS estates
(
    estate_id LowCardinality(String),
    name String,
    timezone String,
    handover_day Nullable(Date) COMMENT 'when the system was handed over to its users',
    households UInt32,
    residents UInt32,
    recorded_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(recorded_at)
ORDER BY estate_id;

CREATE TABLE IF NOT EXISTS zones
(
    estate_id LowCardinality(String),
    zone_id LowCardinality(String),
    name String,
    kind LowCardinality(String),
    parent_id LowCardinality(String) COMMENT 'empty: none',
    capacity UInt32,
    has_homes UInt8 COMMENT 'people sleep in it',
    recorded_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(recorded_at)
ORDER BY (estate_id, zone_id);

CREATE TABLE IF NOT EXISTS lines
(
    estate_id LowCardinality(String),
    line_id LowCardinality(String),
    name String COMMENT 'its gates, or the zones on both sides',
    from_zone LowCardinality(String),
    to_zone LowCardinality(String),
    inward Int8 COMMENT 'the direction that leads into the inner zone',
    border UInt8 COMMENT 'one side is outside the estate',
    recorded_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(recorded_at)
ORDER BY (estate_id, line_id);

CREATE TABLE IF NOT EXISTS devices
(
    estate_id LowCardinality(String),
    device_id LowCardinality(String),
    kind LowCardinality(String) COMMENT 'counting, perimeter or gate',
    name String,
    zone_id LowCardinality(String) COMMENT 'home zone of a camera, inner zone of a gate',
    recorded_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(recorded_at)
ORDER BY (estate_id, device_id);

CREATE TABLE IF NOT EXISTS shifts
(
    estate_id LowCardinality(String),
    shift_id LowCardinality(String),
    start_minute UInt16 COMMENT 'of the local week, Monday 00:00 is 0',
    end_minute UInt16 COMMENT 'exclusive; above 10080 it runs into the next week',
    role LowCardinality(String),
    recorded_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(recorded_at)
ORDER BY (estate_id, shift_id, start_minute);
