-- What a camera's minutes lack: frames that came too fast to be looked at, detections given up while Kafka was away.
ALTER TABLE camera_minutes -- noqa: PRS
ADD COLUMN IF NOT EXISTS dropped UInt32 DEFAULT 0 COMMENT 'frames not looked at, for they came too fast', -- noqa: PRS
ADD COLUMN IF NOT EXISTS thinned UInt32 DEFAULT 0 COMMENT 'detections given up, for the spool was full';

ALTER TABLE daily_cameras -- noqa: PRS
ADD COLUMN IF NOT EXISTS dropped UInt64 DEFAULT 0 COMMENT 'frames not looked at, of all minutes', -- noqa: PRS
ADD COLUMN IF NOT EXISTS thinned UInt64 DEFAULT 0 COMMENT 'detections given up, of all minutes';

-- How was each device of today's site file on each loaded day?
CREATE OR REPLACE VIEW device_days AS
WITH present AS (
    SELECT
        estate_id,
        device_id,
        kind,
        name,
        zone_id
    FROM devices FINAL
    WHERE (estate_id, recorded_at) IN (
        SELECT
            estate_id,
            recorded_at
        FROM estates FINAL
    )
),

days AS (
    SELECT
        estate_id,
        day
    FROM nightly_accounting FINAL
),

told AS (
    SELECT
        estate_id,
        day,
        any(told_minutes) AS minutes
    FROM daily_cameras
    GROUP BY estate_id, day
),

envelopes AS (
    SELECT
        estate_id,
        day,
        camera_id,
        sum(last_seq - first_seq + 1) AS numbered,
        sum(received) AS received
    FROM camera_sequences
    GROUP BY estate_id, day, camera_id
)

SELECT
    days.estate_id AS estate_id,
    days.day AS day,
    present.device_id AS device_id,
    present.kind AS kind,
    present.name AS device_name,
    present.zone_id AS zone_id,
    coalesce(nullIf(zones.name, ''), present.zone_id) AS zone_name,
    if(present.kind = 'gate', 0, told.minutes) AS expected_minutes,
    health.online_minutes AS online_minutes,
    health.online_minutes - health.picture_ok_minutes AS bad_picture_minutes,
    health.decode_errors AS decode_errors,
    health.dropped AS dropped_frames,
    health.thinned AS thinned_detections,
    if(health.camera_id = '', NULL, health.clock_offset_ms) AS clock_offset_ms,
    envelopes.numbered AS numbered_envelopes,
    envelopes.received AS received_envelopes,
    gates.granted_passages AS granted_passages,
    gates.passages - gates.granted_passages AS refused_passages,
    health.online_minutes > 0 OR gates.passages > 0 AS in_use
FROM days
INNER JOIN present ON days.estate_id = present.estate_id
LEFT JOIN told ON days.estate_id = told.estate_id AND days.day = told.day
LEFT JOIN daily_cameras AS health
    ON days.estate_id = health.estate_id AND days.day = health.day AND present.device_id = health.camera_id
LEFT JOIN envelopes
    ON days.estate_id = envelopes.estate_id AND days.day = envelopes.day AND present.device_id = envelopes.camera_id
LEFT JOIN daily_gates AS gates
    ON days.estate_id = gates.estate_id AND days.day = gates.day AND present.device_id = gates.gate_id
LEFT JOIN zones FINAL ON present.estate_id = zones.estate_id AND present.zone_id = zones.zone_id;
