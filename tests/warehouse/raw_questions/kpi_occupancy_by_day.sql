-- Day by day, when were most people in the estate, and how many on average? The earliest minute of equals.
SELECT
    day,
    max(occupancy) AS peak,
    argMax(low, (occupancy, -toInt64(toUnixTimestamp(minute)))) AS peak_low,
    argMax(high, (occupancy, -toInt64(toUnixTimestamp(minute)))) AS peak_high,
    formatDateTime(argMax(minute, (occupancy, -toInt64(toUnixTimestamp(minute)))), '%H:%i', {tz:String}) AS peak_time,
    avg(occupancy) AS mean_occupancy
FROM zone_minutes
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND zone_id = {root_zone:String}
    AND coverage != 'unknown'
GROUP BY day
ORDER BY day;
