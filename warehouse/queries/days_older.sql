-- Which partitions of an estate does a loaded table hold of days before this one?
SELECT DISTINCT
    day,
    load_id
FROM {table:Identifier}
WHERE estate_id = {estate:String} AND day < {before:Date}
ORDER BY
    day,
    load_id;
