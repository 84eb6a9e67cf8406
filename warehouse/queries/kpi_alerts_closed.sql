-- Of the period's alerts, how many were closed? And how long was a fire lane occupied on an average loaded day?
-- One that is still occupied is so until the last loaded day is over. What the nightly says of itself does not count.
WITH loaded AS (
    SELECT
        count() AS days,
        toDateTime(max(day) + 1, {tz:String}) AS over
    FROM nightly_accounting FINAL
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
)

SELECT
    countIf(rule NOT IN ('unanswered', 'reconciliation')) AS alerts,
    countIf(rule NOT IN ('unanswered', 'reconciliation') AND status = 'closed') AS closed_alerts,
    if(alerts = 0, NULL, 100 * closed_alerts / alerts) AS closed_rate,
    sumIf(
        coalesce(dateDiff('second', opened_time, coalesce(closed_time, (SELECT over FROM loaded))), 0),
        rule = 'fire_lane'
    ) AS fire_lane_seconds,
    (SELECT days FROM loaded) AS days_loaded,
    if(days_loaded = 0, NULL, fire_lane_seconds / 60 / days_loaded) AS fire_lane_minutes_per_day
FROM alerts
WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date};
