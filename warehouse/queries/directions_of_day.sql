-- How many crossings did one day have in each direction, over all lines?
SELECT
    direction,
    count() AS crossings
FROM crossings
WHERE
    estate_id = {estate:String}
    AND day = {day:Date}
GROUP BY
    direction
ORDER BY
    direction;
