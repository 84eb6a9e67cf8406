-- What was reported, by local day and hour: the latest version of each entry of the ledger, the earliest first?
WITH latest AS (
    SELECT
        entry_id,
        toTimeZone(event_time, {tz:String}) AS local_time,
        kind,
        zone_id,
        removed
    FROM incidents
    WHERE estate_id = {estate:String}
    ORDER BY version DESC
    LIMIT 1 BY entry_id
)

SELECT
    toDate(local_time, {tz:String}) AS day,
    toHour(local_time, {tz:String}) AS hour,
    kind,
    zone_id
FROM latest
WHERE removed = 0
ORDER BY
    local_time ASC,
    entry_id ASC;
