-- Over the last seven days that have data, how many people were in the estate, hour by hour?
WITH known AS (
    SELECT
        day,
        toStartOfHour(minute, {tz:String}) AS hour,
        occupancy,
        low,
        high
    FROM zone_minutes
    WHERE
        estate_id = {estate:String}
        AND day BETWEEN {first:Date} AND {last:Date}
        AND zone_id = {root_zone:String}
        AND coverage != 'unknown'
)

SELECT
    formatDateTime(hour, '%Y-%m-%d %H:00', {tz:String}) AS local_hour,
    avg(occupancy) AS mean_occupancy,
    avg(low) AS mean_low,
    avg(high) AS mean_high
FROM known  -- noqa: AL04
WHERE day > (SELECT max(day) - 7 FROM known)
GROUP BY hour
ORDER BY hour;
