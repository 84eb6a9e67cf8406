-- What does a ledger say now: the latest version of each entry of an estate?
SELECT * EXCEPT (estate_id, imported_at)
FROM {table:Identifier}
WHERE estate_id = {estate:String}
ORDER BY version DESC
LIMIT 1 BY entry_id;
