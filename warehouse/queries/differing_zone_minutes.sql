-- In how many zone-minutes of each day did stream and batch count differently in these loads?
SELECT
    day,
    countIf(ins != batch_ins OR outs != batch_outs) AS differing
FROM zone_minutes
WHERE estate_id = {estate:String} AND load_id IN {loads:Array(UInt64)}
GROUP BY day
ORDER BY day;
