-- How many crossings, in both directions, did each line have on each day?
SELECT
    day,
    line_id,
    sum(daily_lines.crossings) AS crossings
FROM daily_lines
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
GROUP BY
    day,
    line_id
ORDER BY
    day,
    line_id;
