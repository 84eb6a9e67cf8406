-- Over the last seven days that have data, how many people were in the estate, hour by hour?
WITH latest AS (
    SELECT max(day) AS last_day
    FROM daily_zones
    WHERE
        estate_id = {estate:String}
        AND day BETWEEN {first:Date} AND {last:Date}
        AND zone_id = {root_zone:String}
        AND known_minutes > 0
),

known AS (
    SELECT
        toStartOfHour(minute, {tz:String}) AS hour,
        occupancy,
        low,
        high
    FROM zone_minutes
    WHERE
        estate_id = {estate:String}
        AND day BETWEEN {first:Date} AND {last:Date}
        AND day > (SELECT last_day - 7 FROM latest)
        AND zone_id = {root_zone:String}
        AND coverage != 'unknown'
)

SELECT
    formatDateTime(hour, '%Y-%m-%d %H:00', {tz:String}) AS local_hour,
    avg(occupancy) AS mean_occupancy,
    avg(low) AS mean_low,
    avg(high) AS mean_high
FROM known  -- noqa: AL04
GROUP BY hour
ORDER BY hour;
