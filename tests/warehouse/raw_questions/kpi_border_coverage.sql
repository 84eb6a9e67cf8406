-- On the loaded days, on what share of line days (lines on the estate's border times days) was anyone counted?
WITH loaded AS (
    SELECT count() AS days
    FROM nightly_accounting FINAL
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
)

SELECT
    uniqExact(line_id, day) AS counted_line_days,
    (SELECT days FROM loaded) * length({border_lines:Array(String)}) AS expected_line_days,
    if(expected_line_days = 0, NULL, 100 * counted_line_days / expected_line_days) AS border_rate
FROM crossings
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND line_id IN {border_lines:Array(String)};
