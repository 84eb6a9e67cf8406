-- Which ledgers got entries or corrections after an instant, how many, and when last?
WITH imports AS (
    SELECT 'funds' AS ledger, imported_at FROM funds WHERE estate_id = {estate:String}  -- noqa: LT09
    UNION ALL
    SELECT 'incidents' AS ledger, imported_at FROM incidents WHERE estate_id = {estate:String}  -- noqa: LT09
    UNION ALL
    SELECT 'survey' AS ledger, imported_at FROM surveys WHERE estate_id = {estate:String}  -- noqa: LT09
    UNION ALL
    SELECT 'spot_checks' AS ledger, imported_at FROM spot_checks WHERE estate_id = {estate:String}  -- noqa: LT09
)

SELECT
    ledger,
    count() AS entries,
    formatDateTime(max(imported_at), '%Y-%m-%d %H:%i:%S', 'UTC') AS last_import
FROM imports
WHERE toUnixTimestamp64Milli(imported_at) > 1000 * {since_s:Int64}
GROUP BY ledger
ORDER BY ledger;
