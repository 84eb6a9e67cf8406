-- What do the first rows of a table say of one day?
SELECT * EXCEPT (estate_id, day)
FROM {table:Identifier}
WHERE estate_id = {estate:String} AND day = {day:Date}
LIMIT {most:UInt32};
