-- The views of 019 that asked rows by the million ask their roll-ups; what they answer is the same.

-- Who went from which zone to which? By day, local hour and line, each crossing of a person once.
CREATE OR REPLACE VIEW zone_flows AS
WITH names AS (
    SELECT
        estate_id,
        zone_id,
        name
    FROM zones FINAL
)

SELECT
    seen.estate_id AS estate_id,
    seen.day AS day,
    seen.hour AS hour,
    seen.line_id AS line_id,
    lines.name AS line_name,
    lines.border AS border,
    if(seen.direction = lines.inward, 1, -1) AS way,
    if(seen.direction > 0, lines.from_zone, lines.to_zone) AS from_zone,
    if(seen.direction > 0, lines.to_zone, lines.from_zone) AS to_zone,
    if(from_zone = 'outside', '', coalesce(nullIf(origin.name, ''), from_zone)) AS from_name,
    if(to_zone = 'outside', '', coalesce(nullIf(goal.name, ''), to_zone)) AS to_name,
    sum(seen.crossings) AS persons
FROM hourly_lines AS seen
INNER JOIN lines FINAL ON seen.estate_id = lines.estate_id AND seen.line_id = lines.line_id
LEFT JOIN names AS origin
    ON seen.estate_id = origin.estate_id AND if(seen.direction > 0, lines.from_zone, lines.to_zone) = origin.zone_id
LEFT JOIN names AS goal
    ON seen.estate_id = goal.estate_id AND if(seen.direction > 0, lines.to_zone, lines.from_zone) = goal.zone_id
WHERE seen.object_class = 'person'
GROUP BY ALL;

-- How full was each zone each day, how many came in, and how long did they stay on average? Person-minutes over
-- entries are the mean stay by Little's law (J. D. C. Little, Operations Research 9, 1961).
CREATE OR REPLACE VIEW zone_days AS
SELECT
    told.estate_id AS estate_id,
    told.day AS day,
    told.zone_id AS zone_id,
    coalesce(nullIf(zones.name, ''), told.zone_id) AS zone_name,
    zones.kind AS kind,
    zones.has_homes AS has_homes,
    zones.capacity AS capacity,
    told.peak AS peak,
    told.peak_low AS peak_low,
    told.peak_high AS peak_high,
    told.entries AS entries,
    told.minutes AS minutes,
    told.full_minutes AS full_minutes,
    told.known_minutes AS known_minutes,
    told.differing_minutes AS differing_minutes,
    if(told.known_minutes = 0, NULL, told.occupancy_sum / told.known_minutes * 1440) AS person_minutes
FROM daily_zones AS told
LEFT JOIN zones FINAL ON told.estate_id = zones.estate_id AND told.zone_id = zones.zone_id;

-- How was each device of today's site file on each loaded day? Expected are the minutes in which any camera told of
-- itself; a gate tells of itself by passages only.
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
