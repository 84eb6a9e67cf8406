-- How are all subscriptions doing, and how much waits for each?
SELECT
    lanes.*,
    (SELECT COUNT(*) FROM deliveries AS d WHERE d.subscription_id = lanes.subscription_id) AS waiting
FROM lanes
ORDER BY lanes.subscription_id;
