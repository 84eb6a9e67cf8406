-- Does a canary wait for a subscription already?
SELECT COUNT(*) AS waiting FROM deliveries WHERE subscription_id = :subscription_id AND is_canary = 1;
