-- On which days do the days of lines not say what the crossings say?
WITH held AS (
    SELECT
        day,
        line_id,
        direction,
        object_class,
        count() AS crossings
    FROM crossings
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
    GROUP BY ALL
),

both AS (
    SELECT day, line_id, direction, object_class, toInt64(crossings) AS more FROM held  -- noqa: LT09
    UNION ALL
    SELECT day, line_id, direction, object_class, -toInt64(crossings) AS more FROM daily_lines  -- noqa: LT09
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
),

unlike AS (
    SELECT day
    FROM both
    GROUP BY
        day,
        line_id,
        direction,
        object_class
    HAVING sum(more) != 0
)

SELECT DISTINCT day
FROM unlike
ORDER BY day;
