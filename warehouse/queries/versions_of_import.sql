-- What do all versions say of the entries that one import wrote?
SELECT
    entry_id,
    version,
    import_id,
    removed,
    * EXCEPT (estate_id, entry_id, version, import_id, removed, imported_at, imported_by, reason)
FROM {table:Identifier} AS versions  -- noqa: AL05
WHERE
    estate_id = {estate:String}
    AND entry_id IN (
        SELECT entry_id
        FROM {table:Identifier} AS imported  -- noqa: AL05
        WHERE estate_id = {estate:String} AND import_id = {import_id:String}
    )
ORDER BY
    entry_id ASC,
    version ASC;
