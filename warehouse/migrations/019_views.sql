-- Questions that several charts ask. A view reads with the rights and row filters of whoever asks. Local time is
-- Asia/Shanghai.

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
    toHour(seen.event_time, 'Asia/Shanghai') AS hour,
    seen.line_id AS line_id,
    lines.name AS line_name,
    lines.border AS border,
    if(seen.direction = lines.inward, 1, -1) AS way,
    if(seen.direction > 0, lines.from_zone, lines.to_zone) AS from_zone,
    if(seen.direction > 0, lines.to_zone, lines.from_zone) AS to_zone,
    if(from_zone = 'outside', '', coalesce(nullIf(origin.name, ''), from_zone)) AS from_name,
    if(to_zone = 'outside', '', coalesce(nullIf(goal.name, ''), to_zone)) AS to_name,
    count() AS persons
FROM crossings AS seen
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
    if(told.known_minutes = 0, NULL, told.mean_persons * 1440) AS person_minutes
FROM
    (
        SELECT
            estate_id,
            day,
            zone_id,
            maxIf(occupancy, coverage != 'unknown') AS peak,
            argMaxIf(low, (occupancy, -toInt64(toUnixTimestamp(minute))), coverage != 'unknown') AS peak_low,
            argMaxIf(high, (occupancy, -toInt64(toUnixTimestamp(minute))), coverage != 'unknown') AS peak_high,
            avgIf(occupancy, coverage != 'unknown') AS mean_persons,
            sum(batch_ins) AS entries,
            count() AS minutes,
            countIf(coverage = 'full') AS full_minutes,
            countIf(coverage != 'unknown') AS known_minutes,
            countIf(ins != batch_ins OR outs != batch_outs) AS differing_minutes
        FROM zone_minutes
        GROUP BY estate_id, day, zone_id
    ) AS told
LEFT JOIN zones FINAL ON told.estate_id = zones.estate_id AND told.zone_id = zones.zone_id;

-- What became of each alert: where was it, whose shift, what did people say of it (last word), how soon (first word)?
CREATE OR REPLACE VIEW alert_outcomes AS
WITH said AS (
    SELECT
        estate_id,
        alert_id,
        min(event_time) AS first_time,
        argMax(verdict, (event_time, disposition_id)) AS last_verdict
    FROM dispositions
    GROUP BY estate_id, alert_id
),

places AS (
    SELECT
        estate_id,
        id,
        min(name) AS place
    FROM (
        SELECT
            estate_id,
            zone_id AS id,
            name
        FROM zones FINAL
        UNION ALL
        SELECT
            estate_id,
            line_id AS id,
            name
        FROM lines FINAL
        UNION ALL
        SELECT
            estate_id,
            device_id AS id,
            name
        FROM devices FINAL
    ) AS named
    GROUP BY estate_id, id
),

duty AS (
    SELECT
        estate_id,
        groupArray((role, start_minute, end_minute)) AS spans
    FROM shifts FINAL
    WHERE (estate_id, recorded_at) IN (
        SELECT
            estate_id,
            recorded_at
        FROM estates FINAL
    )
    GROUP BY estate_id
)

SELECT
    alerts.estate_id AS estate_id,
    alerts.day AS day,
    alerts.alert_id AS alert_id,
    alerts.rule AS rule,
    alerts.zone_id AS zone_id,
    coalesce(nullIf(zones.name, ''), alerts.zone_id) AS zone_name,
    coalesce(nullIf(places.place, ''), alerts.subject_id) AS subject_name,
    alerts.severity AS severity,
    alerts.status AS status,
    alerts.opened_time AS opened_time,
    alerts.explanation AS explanation,
    dateDiff('millisecond', alerts.opened_time, alerts.closed_time) / 60000 AS open_minutes,
    dateDiff('millisecond', alerts.opened_time, alerts.published_time) / 1000 AS delay_seconds,
    said.last_verdict AS verdict,
    if(
        said.alert_id = '', NULL, dateDiff('millisecond', alerts.opened_time, said.first_time) / 60000
    ) AS response_minutes,
    1440 * (toDayOfWeek(alerts.opened_time, 0, 'Asia/Shanghai') - 1)
    + 60 * toHour(alerts.opened_time, 'Asia/Shanghai')
    + toMinute(alerts.opened_time, 'Asia/Shanghai') AS minute_of_week,
    arrayStringConcat(
        arraySort(
            arrayDistinct(
                arrayMap(
                    span -> span.1,
                    arrayFilter(
                        span -> (minute_of_week >= span.2 AND minute_of_week < span.3)
                        OR (minute_of_week + 10080 >= span.2 AND minute_of_week + 10080 < span.3),
                        duty.spans
                    )
                )
            )
        ),
        '、'
    ) AS shift
FROM alerts
LEFT JOIN said ON alerts.estate_id = said.estate_id AND alerts.alert_id = said.alert_id
LEFT JOIN zones FINAL ON alerts.estate_id = zones.estate_id AND alerts.zone_id = zones.zone_id
LEFT JOIN places ON alerts.estate_id = places.estate_id AND alerts.subject_id = places.id
LEFT JOIN duty ON alerts.estate_id = duty.estate_id;

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
        uniqExact(minute) AS minutes
    FROM camera_minutes
    GROUP BY estate_id, day
),

health AS (
    SELECT
        estate_id,
        day,
        camera_id,
        countIf(online = 1) AS online_minutes,
        countIf(online = 1 AND picture != 'ok') AS bad_picture_minutes,
        sum(decode_errors) AS decode_errors,
        max(abs(clock_offset_ms)) AS clock_offset_ms
    FROM camera_minutes
    GROUP BY estate_id, day, camera_id
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
),

passages AS (
    SELECT
        estate_id,
        day,
        gate_id,
        countIf(granted = 1) AS let_in,
        countIf(granted = 0) AS turned_away
    FROM gate_passages
    GROUP BY estate_id, day, gate_id
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
    health.bad_picture_minutes AS bad_picture_minutes,
    health.decode_errors AS decode_errors,
    if(health.camera_id = '', NULL, health.clock_offset_ms) AS clock_offset_ms,
    envelopes.numbered AS numbered_envelopes,
    envelopes.received AS received_envelopes,
    passages.let_in AS granted_passages,
    passages.turned_away AS refused_passages,
    health.online_minutes > 0 OR passages.let_in + passages.turned_away > 0 AS in_use
FROM days
INNER JOIN present ON days.estate_id = present.estate_id
LEFT JOIN told ON days.estate_id = told.estate_id AND days.day = told.day
LEFT JOIN health
    ON days.estate_id = health.estate_id AND days.day = health.day AND present.device_id = health.camera_id
LEFT JOIN envelopes
    ON days.estate_id = envelopes.estate_id AND days.day = envelopes.day AND present.device_id = envelopes.camera_id
LEFT JOIN passages
    ON days.estate_id = passages.estate_id AND days.day = passages.day AND present.device_id = passages.gate_id
LEFT JOIN zones FINAL ON present.estate_id = zones.estate_id AND present.zone_id = zones.zone_id;

-- What does the ledger of incidents say now, by local day and hour: the latest version of each entry, unless removed?
CREATE OR REPLACE VIEW incident_entries AS
SELECT
    latest.estate_id AS estate_id,
    latest.entry_id AS entry_id,
    toDate(latest.event_time, 'Asia/Shanghai') AS day,
    toHour(latest.event_time, 'Asia/Shanghai') AS hour,
    latest.kind AS kind,
    latest.zone_id AS zone_id,
    coalesce(nullIf(zones.name, ''), latest.zone_id) AS zone_name
FROM
    (
        SELECT
            estate_id,
            entry_id,
            event_time,
            kind,
            zone_id,
            removed
        FROM incidents
        ORDER BY version DESC
        LIMIT 1 BY estate_id, entry_id
    ) AS latest
LEFT JOIN zones FINAL ON latest.estate_id = zones.estate_id AND latest.zone_id = zones.zone_id
WHERE latest.removed = 0;

-- How many incidents of each kind had each month, and the same month a year before? From the month of the ledger's
-- first entry to that of its last, months without any are zero; before the ledger begins nothing is known.
CREATE OR REPLACE VIEW incident_months AS
WITH spans AS (
    SELECT
        estate_id,
        toStartOfMonth(min(day)) AS first_month,
        toStartOfMonth(max(day)) AS last_month
    FROM incident_entries
    GROUP BY estate_id
),

months AS (
    SELECT
        estate_id,
        first_month,
        addMonths(first_month, arrayJoin(range(dateDiff('month', first_month, last_month) + 1))) AS month,
        arrayJoin(['theft', 'public_order', 'fight', 'fire_lane', 'other']) AS kind
    FROM spans
),

counted AS (
    SELECT
        estate_id,
        toStartOfMonth(day) AS month,
        kind,
        count() AS incidents
    FROM incident_entries
    GROUP BY estate_id, month, kind
)

SELECT
    months.estate_id AS estate_id,
    months.month AS day,
    months.kind AS kind,
    counted.incidents AS incidents,
    if(addMonths(months.month, -12) < months.first_month, NULL, earlier.incidents) AS incidents_year_before,
    coalesce(toStartOfMonth(estates.handover_day) = months.month, 0) AS handover
FROM months
LEFT JOIN counted
    ON months.estate_id = counted.estate_id AND months.month = counted.month AND months.kind = counted.kind
LEFT JOIN counted AS earlier
    ON
        months.estate_id = earlier.estate_id
        AND addMonths(months.month, -12) = earlier.month
        AND months.kind = earlier.kind
LEFT JOIN estates FINAL ON months.estate_id = estates.estate_id;

-- The ledger's last 365 days against the 365 before: counts, their ratio and its 95 % interval. Given both counts the
-- first is binomial; its Wilson interval (E. B. Wilson, JASA 22, 1927) as odds is the ratio's. Before and ratio are
-- empty where the ledger does not go back two years.
CREATE OR REPLACE VIEW incident_changes AS
WITH spans AS (
    SELECT
        estate_id,
        max(day) AS last_day,
        min(day) <= last_day - 729 AS two_years
    FROM incident_entries
    GROUP BY estate_id
),

kinds AS (
    SELECT
        estate_id,
        last_day,
        two_years,
        arrayJoin(['all', 'theft', 'public_order', 'fight', 'fire_lane', 'other']) AS kind
    FROM spans
),

counted AS (
    SELECT
        kinds.estate_id AS estate_id,
        kinds.last_day AS last_day,
        kinds.kind AS kind,
        countIf(entries.day > kinds.last_day - 365) AS incidents,
        if(
            any(kinds.two_years),
            countIf(entries.day BETWEEN kinds.last_day - 729 AND kinds.last_day - 365),
            NULL
        ) AS incidents_before
    FROM kinds
    INNER JOIN incident_entries AS entries ON kinds.estate_id = entries.estate_id
    WHERE kinds.kind IN ('all', entries.kind)
    GROUP BY estate_id, last_day, kind
),

shares AS (
    SELECT
        *,
        incidents + incidents_before AS both,
        1.959964 * 1.959964 / both AS spread,
        incidents / both AS share,
        (share + spread / 2) / (1 + spread) AS middle,
        sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread) AS half
    FROM counted
    WHERE coalesce(both, 1) > 0
)

SELECT
    estate_id,
    last_day AS day,
    kind,
    incidents,
    incidents_before,
    if(incidents_before = 0, NULL, incidents / incidents_before) AS ratio,
    if(incidents = 0, if(incidents_before = 0, NULL, 0), (middle - half) / (1 - middle + half)) AS ratio_low,
    if(incidents_before = 0, NULL, (middle + half) / (1 - middle - half)) AS ratio_high
FROM shares;
