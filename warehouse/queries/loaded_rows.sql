-- How many rows of each day do these loads hold in a table?
SELECT
    day,
    count() AS loaded
FROM {table:Identifier}
WHERE estate_id = {estate:String} AND load_id IN {loads:Array(UInt64)}
GROUP BY day
ORDER BY day;
