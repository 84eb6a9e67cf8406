-- How many rows of each day does a table hold for an estate?
SELECT
    day,
    count() AS staged
FROM {table:Identifier}
WHERE estate_id = {estate:String}
GROUP BY day
ORDER BY day;
