-- Which alerts were opened on these days, where and when?
SELECT
    rule,
    zone_id,
    subject_id,
    toUnixTimestamp64Milli(opened_time) AS opened_ms,
    toUnixTimestamp64Milli(coalesce(closed_time, updated_time)) AS ended_ms
FROM alerts
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
ORDER BY
    opened_ms,
    alert_id;
