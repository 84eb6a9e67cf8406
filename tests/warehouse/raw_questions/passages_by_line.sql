-- How many persons crossed each line, both ways together?
SELECT
    line_id,
    count() AS persons
FROM crossings
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND object_class = 'person'
GROUP BY line_id
ORDER BY line_id;
