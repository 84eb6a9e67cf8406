-- The first alert state of what would become a digest, by which it is named.
SELECT
    alert_id,
    revision
FROM deliveries
WHERE subscription_id = :subscription_id AND due_ms <= :now_ms AND digest_id IS NULL AND is_canary = 0
ORDER BY due_ms, id
LIMIT 1;
