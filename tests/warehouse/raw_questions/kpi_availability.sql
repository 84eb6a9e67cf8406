-- Of all minutes of the loaded days, in how many was the estate's occupancy known?
WITH days AS (
    SELECT dateDiff('minute', toDateTime(day, {tz:String}), toDateTime(day + 1, {tz:String})) AS day_minutes
    FROM nightly_accounting FINAL
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
)

SELECT
    count() AS known_minutes,
    (SELECT sum(day_minutes) FROM days) AS expected_minutes,
    if(expected_minutes = 0, NULL, 100 * known_minutes / expected_minutes) AS availability_rate
FROM zone_minutes
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND zone_id = {root_zone:String}
    AND coverage != 'unknown';
