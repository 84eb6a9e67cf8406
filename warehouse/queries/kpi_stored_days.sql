-- On how many loaded days are there still as many crossings, zone minutes and alerts as the nightly wrote down?
WITH accounts AS (
    SELECT
        day,
        crossings,
        zone_minutes,
        alerts
    FROM nightly_accounting FINAL
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
),

counts AS (
    SELECT day, count() AS crossing, 0 AS zone_minute, 0 AS alert  -- noqa: LT09
    FROM crossings
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
    GROUP BY day
    UNION ALL
    SELECT day, 0 AS crossing, count() AS zone_minute, 0 AS alert  -- noqa: LT09
    FROM zone_minutes
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
    GROUP BY day
    UNION ALL
    SELECT day, 0 AS crossing, 0 AS zone_minute, count() AS alert  -- noqa: LT09
    FROM alerts
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
    GROUP BY day
),

stored AS (
    SELECT
        day,
        sum(crossing) AS crossings,
        sum(zone_minute) AS zone_minutes,
        sum(alert) AS alerts
    FROM counts
    GROUP BY day
)

SELECT
    count() AS days_loaded,
    countIf(
        accounts.crossings = stored.crossings
        AND accounts.zone_minutes = stored.zone_minutes
        AND accounts.alerts = stored.alerts
    ) AS days_whole,
    if(days_loaded = 0, NULL, 100 * days_whole / days_loaded) AS stored_rate
FROM accounts
LEFT JOIN stored ON accounts.day = stored.day;
