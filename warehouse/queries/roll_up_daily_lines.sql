-- Sum up the hours of some loads by line, direction and class.
INSERT INTO daily_lines -- noqa: PRS
(estate_id, day, load_id, line_id, direction, object_class, crossings)
SELECT
    estate_id,
    day,
    load_id,
    line_id,
    direction,
    object_class,
    sum(hourly_lines.crossings) AS crossings
FROM hourly_lines
WHERE estate_id = {estate:String} AND load_id IN {loads:Array(UInt64)}
GROUP BY ALL;
