-- The roll-ups of 021 and 023 in partitions of a month, not of a day and load: a question about a year then opens some
-- tens of parts instead of hundreds, of which each costs more than reading its few rows. What a load leaves behind is
-- deleted by its load id (`warehouse/loads.py`). `anfang warehouse migrate` makes them anew of the rows right after.
DROP TABLE IF EXISTS hourly_lines SYNC;

CREATE TABLE IF NOT EXISTS hourly_lines
(
    estate_id LowCardinality(String),
    day Date COMMENT 'local day of the estate',
    line_id LowCardinality(String),
    hour UInt8 COMMENT 'local hour of the estate in which the crossings were',
    direction Int8 COMMENT '+1 from the line''s from_zone to its to_zone, -1 back',
    object_class LowCardinality(String),
    crossings UInt32,
    load_id UInt64 MATERIALIZED cityHash64(estate_id, day)
)
ENGINE = MergeTree
PARTITION BY (estate_id, toStartOfMonth(day))
ORDER BY (line_id, day, hour, direction, object_class)
TTL day + INTERVAL 5 YEAR;

DROP TABLE IF EXISTS daily_lines SYNC;

CREATE TABLE IF NOT EXISTS daily_lines
(
    estate_id LowCardinality(String),
    day Date COMMENT 'local day of the estate',
    line_id LowCardinality(String),
    direction Int8,
    object_class LowCardinality(String),
    crossings UInt32,
    load_id UInt64 MATERIALIZED cityHash64(estate_id, day)
)
ENGINE = MergeTree
PARTITION BY (estate_id, toStartOfMonth(day))
ORDER BY (line_id, day, direction, object_class)
TTL day + INTERVAL 5 YEAR;

DROP TABLE IF EXISTS daily_zones SYNC;

CREATE TABLE IF NOT EXISTS daily_zones
(
    estate_id LowCardinality(String),
    day Date COMMENT 'local day of the estate',
    zone_id LowCardinality(String),
    minutes UInt32 COMMENT 'rows of zone_minutes',
    full_minutes UInt32 COMMENT 'with coverage full',
    known_minutes UInt32 COMMENT 'with coverage full or partial; what follows but entries is of these only',
    differing_minutes UInt32 COMMENT 'in which stream and batch counted differently, of all minutes',
    entries UInt64 COMMENT 'as the batch counted them, of all minutes',
    peak Float32 COMMENT 'most persons at the end of a minute, estimated; 0 where nothing was known',
    peak_low Float32 COMMENT 'lower end of its 95 % interval',
    peak_high Float32 COMMENT 'upper end of its 95 % interval',
    peak_minute DateTime('UTC') COMMENT 'the earliest minute of equals',
    occupancy_sum Float64 COMMENT 'person-minutes: over known_minutes it is the mean',
    half_width_sum Float64 COMMENT 'sum of half the interval',
    load_id UInt64 MATERIALIZED cityHash64(estate_id, day)
)
ENGINE = MergeTree
PARTITION BY (estate_id, toStartOfMonth(day))
ORDER BY (zone_id, day)
TTL day + INTERVAL 5 YEAR;

DROP TABLE IF EXISTS daily_cameras SYNC;

CREATE TABLE IF NOT EXISTS daily_cameras
(
    estate_id LowCardinality(String),
    day Date COMMENT 'local day of the estate',
    camera_id LowCardinality(String),
    minutes UInt32 COMMENT 'in which it told of itself',
    told_minutes UInt32 COMMENT 'in which any camera of the estate told of itself, the same for each camera of a day',
    online_minutes UInt32 COMMENT 'what follows but decode_errors and clock_offset_ms is of these only',
    picture_ok_minutes UInt32,
    decode_ok_minutes UInt32,
    decode_errors UInt64 COMMENT 'of all minutes',
    clock_offset_ms Float32 COMMENT 'greatest absolute value of all minutes',
    picture_minutes Map(LowCardinality(String), UInt32) COMMENT 'by picture',
    fps_minutes Map(Int32, UInt32) COMMENT 'by frames a second, rounded down, at most 65535; below 0 is -1',
    clock_minutes Map(UInt32, UInt32) COMMENT 'by absolute clock offset in ms, rounded up, at most 4294967295',
    dropped UInt64 DEFAULT 0 COMMENT 'frames not looked at, of all minutes',
    thinned UInt64 DEFAULT 0 COMMENT 'detections given up, of all minutes',
    load_id UInt64 MATERIALIZED cityHash64(estate_id, day)
)
ENGINE = MergeTree
PARTITION BY (estate_id, toStartOfMonth(day))
ORDER BY (camera_id, day)
TTL day + INTERVAL 5 YEAR;

DROP TABLE IF EXISTS daily_gates SYNC;

CREATE TABLE IF NOT EXISTS daily_gates
(
    estate_id LowCardinality(String),
    day Date COMMENT 'local day of the estate',
    gate_id LowCardinality(String),
    passages UInt32,
    granted_passages UInt32,
    load_id UInt64 MATERIALIZED cityHash64(estate_id, day)
)
ENGINE = MergeTree
PARTITION BY (estate_id, toStartOfMonth(day))
ORDER BY (gate_id, day)
TTL day + INTERVAL 5 YEAR;
