-- Day by day, when were most people in the estate, and how many on average? The earliest minute of equals.
SELECT
    day,
    peak,
    peak_low,
    peak_high,
    formatDateTime(peak_minute, '%H:%i', {tz:String}) AS peak_time,
    occupancy_sum / known_minutes AS mean_occupancy
FROM daily_zones
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND zone_id = {root_zone:String}
    AND known_minutes > 0
ORDER BY day;
