-- What was imported into a ledger, by whom, when and why, the latest first?
SELECT
    import_id,
    imported_at,
    any(imported_by) AS told_by,
    any(reason) AS told_reason,
    countIf(version = 1) AS new_entries,
    countIf(version > 1 AND removed = 0) AS changed_entries,
    countIf(removed = 1) AS removed_entries
FROM {table:Identifier}
WHERE estate_id = {estate:String}
GROUP BY
    import_id,
    imported_at
ORDER BY
    imported_at DESC,
    import_id ASC;
