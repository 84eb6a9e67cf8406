-- Tables as they were, in partitions of estate, day and load, with what was loaded before.
CREATE TABLE IF NOT EXISTS crossings AS crossings_by_day
ENGINE = MergeTree
PARTITION BY (estate_id, day, load_id)
ORDER BY (line_id, event_time, crossing_id)
TTL day + INTERVAL 5 YEAR;

TRUNCATE TABLE IF EXISTS crossings;

INSERT INTO crossings SELECT * FROM crossings_by_day
SETTINGS max_partitions_per_insert_block = 0;

CREATE TABLE IF NOT EXISTS camera_minutes AS camera_minutes_by_day
ENGINE = MergeTree
PARTITION BY (estate_id, day, load_id)
ORDER BY (camera_id, minute)
TTL day + INTERVAL 5 YEAR;

TRUNCATE TABLE IF EXISTS camera_minutes;

INSERT INTO camera_minutes SELECT * FROM camera_minutes_by_day
SETTINGS max_partitions_per_insert_block = 0;

CREATE TABLE IF NOT EXISTS camera_sequences AS camera_sequences_by_day
ENGINE = MergeTree
PARTITION BY (estate_id, day, load_id)
ORDER BY (camera_id, boot_id, zone_id)
TTL day + INTERVAL 5 YEAR;

TRUNCATE TABLE IF EXISTS camera_sequences;

INSERT INTO camera_sequences SELECT * FROM camera_sequences_by_day
SETTINGS max_partitions_per_insert_block = 0;

CREATE TABLE IF NOT EXISTS gate_passages AS gate_passages_by_day
ENGINE = MergeTree
PARTITION BY (estate_id, day, load_id)
ORDER BY (gate_id, event_time)
TTL day + INTERVAL 5 YEAR;

TRUNCATE TABLE IF EXISTS gate_passages;

INSERT INTO gate_passages SELECT * FROM gate_passages_by_day
SETTINGS max_partitions_per_insert_block = 0;

CREATE TABLE IF NOT EXISTS visitors AS visitors_by_day
ENGINE = MergeTree
PARTITION BY (estate_id, day, load_id)
ORDER BY (zone_id, event_time, camera_id, track_id)
TTL day + INTERVAL 30 DAY;

TRUNCATE TABLE IF EXISTS visitors;

INSERT INTO visitors SELECT * FROM visitors_by_day
SETTINGS max_partitions_per_insert_block = 0;

CREATE TABLE IF NOT EXISTS visitor_counts AS visitor_counts_by_day
ENGINE = MergeTree
PARTITION BY (estate_id, day, load_id)
ORDER BY zone_id
TTL day + INTERVAL 5 YEAR;

TRUNCATE TABLE IF EXISTS visitor_counts;

INSERT INTO visitor_counts SELECT * FROM visitor_counts_by_day
SETTINGS max_partitions_per_insert_block = 0;

CREATE TABLE IF NOT EXISTS zone_minutes AS zone_minutes_by_day
ENGINE = MergeTree
PARTITION BY (estate_id, day, load_id)
ORDER BY (zone_id, minute)
TTL day + INTERVAL 5 YEAR;

TRUNCATE TABLE IF EXISTS zone_minutes;

INSERT INTO zone_minutes SELECT * FROM zone_minutes_by_day
SETTINGS max_partitions_per_insert_block = 0;

CREATE TABLE IF NOT EXISTS alerts AS alerts_by_day
ENGINE = MergeTree
PARTITION BY (estate_id, day, load_id)
ORDER BY (rule, opened_time, alert_id)
TTL day + INTERVAL 5 YEAR;

TRUNCATE TABLE IF EXISTS alerts;

INSERT INTO alerts SELECT * FROM alerts_by_day
SETTINGS max_partitions_per_insert_block = 0;

CREATE TABLE IF NOT EXISTS dispositions AS dispositions_by_day
ENGINE = MergeTree
PARTITION BY (estate_id, day, load_id)
ORDER BY (alert_id, event_time)
TTL day + INTERVAL 5 YEAR;

TRUNCATE TABLE IF EXISTS dispositions;

INSERT INTO dispositions SELECT * FROM dispositions_by_day
SETTINGS max_partitions_per_insert_block = 0;
