-- How far are camera counts from manual counts? Accuracy is 100 (1 - sum of absolute differences / manual count).
-- Only checks on loaded days count, each within one local day.
WITH spots AS (
    SELECT
        entry_id,
        start_time,
        end_time,
        line_id,
        manual_count,
        removed,
        toDate(start_time, {tz:String}) AS day
    FROM spot_checks
    WHERE estate_id = {estate:String}
    ORDER BY version DESC
    LIMIT 1 BY entry_id
),

loaded AS (
    SELECT day
    FROM nightly_accounting FINAL
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
),

seen AS (
    SELECT
        day,
        line_id,
        event_time
    FROM crossings
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date} AND object_class = 'person'
),

compared AS (
    SELECT
        spots.entry_id AS check_id,
        any(spots.manual_count) AS manual,
        countIf(seen.event_time >= spots.start_time AND seen.event_time < spots.end_time) AS counted
    FROM spots
    INNER JOIN loaded ON spots.day = loaded.day
    LEFT JOIN seen ON spots.line_id = seen.line_id AND spots.day = seen.day
    WHERE spots.removed = 0
    GROUP BY check_id
)

SELECT
    count() AS checks,
    sum(manual) AS manual_crossings,
    sum(counted) AS counted_crossings,
    sum(abs(toInt64(counted) - manual)) AS differences,
    if(manual_crossings = 0, NULL, greatest(0, 100 * (1 - differences / manual_crossings))) AS accuracy
FROM compared;
