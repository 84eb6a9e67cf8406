-- Which zones held most people at once, and when? The earliest minute of equals.
SELECT
    zone_id,
    max(daily_zones.peak) AS peak,
    argMax(daily_zones.peak_low, (daily_zones.peak, -toInt64(toUnixTimestamp(peak_minute)))) AS peak_low,
    argMax(daily_zones.peak_high, (daily_zones.peak, -toInt64(toUnixTimestamp(peak_minute)))) AS peak_high,
    formatDateTime(
        argMax(peak_minute, (daily_zones.peak, -toInt64(toUnixTimestamp(peak_minute)))), '%Y-%m-%d %H:%i', {tz:String}
    ) AS peak_time
FROM daily_zones
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND known_minutes > 0
GROUP BY zone_id
ORDER BY
    peak DESC,
    zone_id ASC
LIMIT 12;
