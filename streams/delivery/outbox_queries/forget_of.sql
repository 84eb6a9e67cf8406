-- Nothing waits for this subscription any more: it is dead or removed.
DELETE FROM deliveries WHERE subscription_id = :subscription_id;
