-- Which days before this one does the read log hold?
SELECT DISTINCT day
FROM read_log
WHERE day < {before:Date}
ORDER BY day;
