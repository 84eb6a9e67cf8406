-- On which days do the days of gates not say what the passages say?
WITH both AS (
    SELECT
        day,
        gate_id,
        toInt64(count()) AS more,
        toInt64(countIf(granted = 1)) AS more_granted
    FROM gate_passages
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
    GROUP BY ALL
    UNION ALL
    SELECT
        day,
        gate_id,
        -toInt64(passages) AS more,
        -toInt64(granted_passages) AS more_granted
    FROM daily_gates
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
),

unlike AS (
    SELECT day
    FROM both
    GROUP BY
        day,
        gate_id
    HAVING sum(more) != 0 OR sum(more_granted) != 0
)

SELECT DISTINCT day
FROM unlike
ORDER BY day;
