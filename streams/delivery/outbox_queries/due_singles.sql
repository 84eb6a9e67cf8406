-- Which messages may be sent to a subscriber now, each alone: of each alert the first that waits, if in no digest.
SELECT
    d.id,
    d.alert_id,
    d.revision,
    d.is_canary,
    d.added_ms,
    d.due_ms,
    d.attempts,
    s.content
FROM deliveries AS d
INNER JOIN states AS s ON d.alert_id = s.alert_id AND d.revision = s.revision
WHERE
    d.subscription_id = :subscription_id
    AND d.due_ms <= :now_ms
    AND d.digest_id IS NULL
    AND NOT EXISTS (
        SELECT 1 FROM deliveries AS e
        WHERE e.subscription_id = d.subscription_id AND e.alert_id = d.alert_id AND e.id < d.id
    )
ORDER BY d.due_ms, d.id
LIMIT :most;
