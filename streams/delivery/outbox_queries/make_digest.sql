-- All that waits for a subscriber now becomes one message.
UPDATE deliveries SET digest_id = :digest_id
WHERE subscription_id = :subscription_id AND due_ms <= :now_ms AND digest_id IS NULL AND is_canary = 0;
