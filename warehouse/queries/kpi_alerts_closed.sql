-- Of the period's alerts, how many were closed? And how long was a fire lane occupied on an average loaded day?
WITH loaded AS (
    SELECT count() AS days
    FROM nightly_accounting FINAL
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
)

SELECT
    countIf(rule != 'unanswered') AS alerts,
    countIf(rule != 'unanswered' AND status = 'closed') AS closed_alerts,
    if(alerts = 0, NULL, 100 * closed_alerts / alerts) AS closed_rate,
    sumIf(coalesce(dateDiff('second', opened_time, closed_time), 0), rule = 'fire_lane') AS fire_lane_seconds,
    (SELECT days FROM loaded) AS days_loaded,
    if(days_loaded = 0, NULL, fire_lane_seconds / 60 / days_loaded) AS fire_lane_minutes_per_day
FROM alerts
WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date};
