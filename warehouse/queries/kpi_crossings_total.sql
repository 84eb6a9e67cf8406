-- How many people came into and went out of the estate, and on how many days?
SELECT
    uniqExact(day) AS days_with_crossings,
    sumIf(daily_lines.crossings, (direction = 1) = (line_id IN {inward_lines:Array(String)})) AS ins,
    sumIf(daily_lines.crossings, (direction = 1) != (line_id IN {inward_lines:Array(String)})) AS outs,
    sum(daily_lines.crossings) AS crossings,
    if(days_with_crossings = 0, NULL, crossings / days_with_crossings) AS crossings_per_day
FROM daily_lines
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND object_class = 'person'
    AND line_id IN {border_lines:Array(String)};
