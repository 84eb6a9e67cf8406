-- How many persons crossed these lines, both ways together, in each local hour of each day?
SELECT
    day,
    toHour(event_time, {tz:String}) AS hour,
    count() AS persons
FROM crossings
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND line_id IN {lines:Array(String)}
    AND object_class = 'person'
GROUP BY
    day,
    hour
ORDER BY
    day ASC,
    hour ASC;
