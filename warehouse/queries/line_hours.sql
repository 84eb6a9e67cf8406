-- How many persons crossed each line, both ways together, in each local hour of each day? Hours of nobody are left out.
SELECT
    line_id,
    day,
    hour,
    sum(crossings) AS persons
FROM hourly_lines
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND object_class = 'person'
GROUP BY
    line_id,
    day,
    hour
ORDER BY
    line_id ASC,
    day ASC,
    hour ASC;
