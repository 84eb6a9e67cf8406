-- How many alert states wait for a subscriber and may be sent now, counted up to :most, and since when the first may?
SELECT
    COUNT(*) AS waiting,
    MIN(due_ms) AS oldest_due_ms
FROM (
    SELECT due_ms FROM deliveries
    WHERE subscription_id = :subscription_id AND due_ms <= :now_ms AND digest_id IS NULL AND is_canary = 0
    ORDER BY due_ms, id
    LIMIT :most
) AS due;
