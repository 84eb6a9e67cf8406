-- How many crossings, in both directions, did each line have on each day?
SELECT
    day,
    line_id,
    count() AS crossings
FROM crossings
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
GROUP BY
    day,
    line_id
ORDER BY
    day,
    line_id;
