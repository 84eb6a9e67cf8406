-- The digest that waits for a subscriber and may be sent now, if there is one: all that is in it, in order.
SELECT
    d.id,
    d.alert_id,
    d.revision,
    d.is_canary,
    d.added_ms,
    d.due_ms,
    d.attempts,
    d.digest_id,
    s.content
FROM deliveries AS d
INNER JOIN states AS s ON d.alert_id = s.alert_id AND d.revision = s.revision
WHERE
    d.subscription_id = :subscription_id
    AND d.digest_id = (
        SELECT e.digest_id FROM deliveries AS e
        WHERE e.subscription_id = :subscription_id AND e.digest_id IS NOT NULL AND e.due_ms <= :now_ms
        ORDER BY e.id
        LIMIT 1
    )
ORDER BY d.id;
