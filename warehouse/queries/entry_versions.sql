-- What did one entry of a ledger say, version by version?
SELECT * EXCEPT (estate_id, entry_id)
FROM {table:Identifier}
WHERE estate_id = {estate:String} AND entry_id = {entry:String}
ORDER BY version;
