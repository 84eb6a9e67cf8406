-- How many people came into and went out of the estate, and on how many days?
SELECT
    uniqExact(day) AS days_with_crossings,
    countIf((direction = 1) = (line_id IN {inward_lines:Array(String)})) AS ins,
    countIf((direction = 1) != (line_id IN {inward_lines:Array(String)})) AS outs,
    count() AS crossings,
    if(days_with_crossings = 0, NULL, crossings / days_with_crossings) AS crossings_per_day
FROM crossings
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND object_class = 'person'
    AND line_id IN {border_lines:Array(String)};
