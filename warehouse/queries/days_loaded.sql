-- Which days are loaded?
SELECT DISTINCT day
FROM nightly_accounting
WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
ORDER BY day;
