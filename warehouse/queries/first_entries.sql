-- What do the entries of a ledger say now, the latest first?
WITH latest AS (
    SELECT *
    FROM {table:Identifier}
    WHERE estate_id = {estate:String}
    ORDER BY version DESC
    LIMIT 1 BY entry_id
)

SELECT * EXCEPT (estate_id)
FROM latest
ORDER BY
    imported_at DESC,
    entry_id ASC
LIMIT {most:UInt32};
