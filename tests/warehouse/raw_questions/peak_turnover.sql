-- How full was each zone at most each local day, and how often did those inside change (entries / capacity)?
SELECT
    zone_id,
    day,
    maxIf(occupancy, coverage != 'unknown') AS peak,
    argMaxIf(low, (occupancy, -toInt64(toUnixTimestamp(minute))), coverage != 'unknown') AS peak_low,
    argMaxIf(high, (occupancy, -toInt64(toUnixTimestamp(minute))), coverage != 'unknown') AS peak_high,
    formatDateTime(
        argMaxIf(minute, (occupancy, -toInt64(toUnixTimestamp(minute))), coverage != 'unknown'), '%H:%i', {tz:String}
    ) AS peak_time,
    sum(batch_ins) AS entries,
    sum(batch_ins) / nullIf(transform(zone_id, {zones:Array(String)}, {capacities:Array(UInt32)}, 0), 0) AS turnover
FROM zone_minutes
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND has({zones:Array(String)}, zone_id)
GROUP BY
    zone_id,
    day
ORDER BY
    zone_id,
    day;
