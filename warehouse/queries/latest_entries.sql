-- What does a ledger say now: the latest version of each entry of an estate, and whether that takes it out?
SELECT
    entry_id,
    version,
    removed,
    * EXCEPT (estate_id, entry_id, version, removed, imported_at, import_id, imported_by, reason)
FROM {table:Identifier}
WHERE estate_id = {estate:String}
ORDER BY version DESC
LIMIT 1 BY entry_id;
