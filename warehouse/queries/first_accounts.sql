-- What did the nightly write down of a period's days?
SELECT * EXCEPT (estate_id)
FROM {table:Identifier} FINAL
WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date}
ORDER BY day
LIMIT {most:UInt32};
