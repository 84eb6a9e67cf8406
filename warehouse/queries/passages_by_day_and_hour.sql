-- How many persons crossed these lines, both ways together, in each local hour of each day?
SELECT
    day,
    hour,
    sum(crossings) AS persons
FROM hourly_lines
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
