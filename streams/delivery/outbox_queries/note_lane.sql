-- How a subscription is doing now.
INSERT INTO lanes (
    subscription_id,
    delivered,
    last_delivered_ms,
    failing_since_ms,
    failures,
    next_try_ms,
    last_error,
    dead_ms,
    dead_changed_ms
)
VALUES (
    :subscription_id, :delivered, :last_delivered_ms, :failing_since_ms, :failures, :next_try_ms, :last_error, :dead_ms,
    :dead_changed_ms
)
ON CONFLICT (subscription_id) DO UPDATE SET
    delivered = excluded.delivered,
    last_delivered_ms = excluded.last_delivered_ms,
    failing_since_ms = excluded.failing_since_ms,
    failures = excluded.failures,
    next_try_ms = excluded.next_try_ms,
    last_error = excluded.last_error,
    dead_ms = excluded.dead_ms,
    dead_changed_ms = excluded.dead_changed_ms;
