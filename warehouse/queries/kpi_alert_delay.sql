-- How long after it was decided on was an alert published? Delays below zero or over a day come from replayed history,
-- whose publishing time cannot be compared with its event time: they are counted and left out.
-- What the nightly tells of itself (reconciliation) is none of the estate's.
WITH delays AS (
    SELECT (toUnixTimestamp64Milli(published_time) - toUnixTimestamp64Milli(opened_time)) / 1000 AS seconds
    FROM alerts
    WHERE
        estate_id = {estate:String}
        AND day BETWEEN {first:Date} AND {last:Date}
        AND rule != 'reconciliation'
),

comparable AS (
    SELECT seconds
    FROM delays
    WHERE seconds BETWEEN 0 AND 86400
)

SELECT
    (SELECT count() FROM delays) AS alerts,
    count() AS comparable_alerts,
    if(comparable_alerts = 0, NULL, quantileExact(0.5)(seconds)) AS p50_seconds,  -- noqa: LT01
    if(comparable_alerts = 0, NULL, quantileExact(0.95)(seconds)) AS p95_seconds  -- noqa: LT01
FROM comparable;
