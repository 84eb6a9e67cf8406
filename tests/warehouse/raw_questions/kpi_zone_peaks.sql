-- Which zones held most people at once, and when? The earliest minute of equals.
SELECT
    zone_id,
    max(occupancy) AS peak,
    argMax(low, (occupancy, -toInt64(toUnixTimestamp(minute)))) AS peak_low,
    argMax(high, (occupancy, -toInt64(toUnixTimestamp(minute)))) AS peak_high,
    formatDateTime(
        argMax(minute, (occupancy, -toInt64(toUnixTimestamp(minute)))), '%Y-%m-%d %H:%i', {tz:String}
    ) AS peak_time
FROM zone_minutes
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND coverage != 'unknown'
GROUP BY zone_id
ORDER BY
    peak DESC,
    zone_id ASC
LIMIT 12;
