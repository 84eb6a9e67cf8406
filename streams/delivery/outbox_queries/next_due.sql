-- When does the next message that waits for a subscriber fall due?
SELECT MIN(due_ms) AS due_ms FROM deliveries WHERE subscription_id = :subscription_id AND due_ms > :now_ms;
