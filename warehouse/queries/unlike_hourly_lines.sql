-- On which days do the hours of lines not say what the crossings say?
WITH held AS (
    SELECT
        day,
        line_id,
        direction,
        object_class,
        toHour(event_time, {tz:String}) AS hour,
        count() AS crossings
    FROM crossings
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
    GROUP BY ALL
),

both AS (
    SELECT day, line_id, direction, object_class, hour, toInt64(crossings) AS more FROM held  -- noqa: LT09
    UNION ALL
    SELECT day, line_id, direction, object_class, hour, -toInt64(crossings) AS more FROM hourly_lines  -- noqa: LT09
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
),

unlike AS (
    SELECT day
    FROM both
    GROUP BY
        day,
        line_id,
        direction,
        object_class,
        hour
    HAVING sum(more) != 0
)

SELECT DISTINCT day
FROM unlike
ORDER BY day;
