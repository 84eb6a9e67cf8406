-- How many persons crossed each line, both ways together?
SELECT
    line_id,
    sum(crossings) AS persons
FROM daily_lines
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND object_class = 'person'
GROUP BY line_id
ORDER BY line_id;
