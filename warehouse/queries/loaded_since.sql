-- Which days of a period were loaded again after an instant?
SELECT
    day,
    formatDateTime(max(loaded_at), '%Y-%m-%d %H:%i:%S', 'UTC') AS loaded_again
FROM nightly_accounting
WHERE
    estate_id = {estate:String}
    AND day BETWEEN {first:Date} AND {last:Date}
    AND toUnixTimestamp64Milli(loaded_at) > 1000 * {since_s:Int64}
GROUP BY day
ORDER BY day;
