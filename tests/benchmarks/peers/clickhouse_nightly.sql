-- ClickHouse alone: raw envelopes that lie in the table `raw` become de-duplicated crossings.
INSERT INTO crossings (estate_id, day, event_time, crossing_id, line_id, camera_id, direction, track_id, object_class)
WITH envelopes AS (
    SELECT
        value,
        JSONExtractString(value, 'camera_id') AS camera,
        JSONExtractString(value, 'boot_id') AS boot_id,
        JSONExtractString(value, 'zone_id') AS zone_id,
        JSONExtractInt(value, 'seq') AS seq
    FROM raw
    WHERE isValidJSON(value)
    LIMIT 1 BY camera, boot_id, zone_id, seq
),

columns_of AS (
    SELECT
        camera,
        JSONExtract(value, 'crossings', 'Tuple(
            crossing_id Array(String), event_ms Array(Int64), line_id Array(String), direction Array(Int8),
            track_id Array(Int64), object_class Array(String))') AS c
    FROM envelopes
)

SELECT
    'bench' AS estate_id,
    toDate('2026-03-02') AS day,
    fromUnixTimestamp64Milli(any(event_ms), 'UTC') AS event_time,
    crossing_id,
    any(line_id) AS line_id,
    any(camera) AS camera_id,
    any(direction) AS direction,
    any(track_id) AS track_id,
    any(object_class) AS object_class
FROM columns_of
ARRAY JOIN
    c.crossing_id AS crossing_id,
    c.event_ms AS event_ms,
    c.line_id AS line_id,
    c.direction AS direction,
    c.track_id AS track_id,
    c.object_class AS object_class
GROUP BY crossing_id
