-- What do the first rows of a table say of one day?
SELECT * EXCEPT (estate_id, day)
FROM {table:Identifier}
WHERE estate_id = {estate:String} AND day = {day:Date}
ORDER BY toString(tuple(*))
LIMIT {most:UInt32};
