-- In how many zone-minutes of each day did stream and batch count differently?
SELECT
    day,
    countIf(ins != batch_ins OR outs != batch_outs) AS differing
FROM {table:Identifier}
WHERE estate_id = {estate:String}
GROUP BY day
ORDER BY day;
