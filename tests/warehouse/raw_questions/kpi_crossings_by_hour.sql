-- In an average hour of each weekday (1 is Monday), how many people cross the estate's border?
WITH seen AS (
    SELECT
        toDayOfWeek(day) AS weekday,
        toHour(event_time, {tz:String}) AS hour,
        count() AS crossings
    FROM crossings
    WHERE
        estate_id = {estate:String}
        AND day BETWEEN {first:Date} AND {last:Date}
        AND object_class = 'person'
        AND line_id IN {border_lines:Array(String)}
    GROUP BY
        weekday,
        hour
),

loaded AS (
    SELECT
        toDayOfWeek(day) AS weekday,
        count() AS days
    FROM nightly_accounting FINAL
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
    GROUP BY weekday
)

SELECT
    seen.weekday AS day_of_week,
    seen.hour AS hour_of_day,
    seen.crossings / loaded.days AS crossings_per_hour
FROM seen
INNER JOIN loaded ON seen.weekday = loaded.weekday
ORDER BY
    day_of_week ASC,
    hour_of_day ASC;
