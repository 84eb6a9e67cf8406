-- Day by day, how many people came in and went out over each line on the estate's border?
SELECT
    day,
    line_id,
    countIf((direction = 1) = (line_id IN {inward_lines:Array(String)})) AS ins,
    countIf((direction = 1) != (line_id IN {inward_lines:Array(String)})) AS outs
FROM crossings
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND object_class = 'person'
    AND line_id IN {border_lines:Array(String)}
GROUP BY
    day,
    line_id
ORDER BY
    day,
    line_id;
