-- Nothing that fell due before then waits for this subscription any more: it is dead, removed or not valid.
DELETE FROM deliveries WHERE subscription_id = :subscription_id AND due_ms < :before_ms;
