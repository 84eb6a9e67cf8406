-- How full was each zone at most each local day, and how often did those inside change (entries / capacity)?
SELECT
    zone_id,
    day,
    peak,
    peak_low,
    peak_high,
    formatDateTime(peak_minute, '%H:%i', {tz:String}) AS peak_time,
    entries,
    entries / nullIf(transform(zone_id, {zones:Array(String)}, {capacities:Array(UInt32)}, 0), 0) AS turnover
FROM daily_zones
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND has({zones:Array(String)}, zone_id)
ORDER BY
    zone_id,
    day;
