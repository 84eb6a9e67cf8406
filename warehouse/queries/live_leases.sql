-- Who holds the warehouse or bids for it: not released, and seen within the time of a lease?
SELECT
    holder,
    host,
    pid,
    place,
    process_started,
    started,
    dateDiff('millisecond', seen, now64(3, 'UTC')) / 1000 AS silent_s
FROM nightly_leases FINAL
WHERE released = 0 AND silent_s <= {lease_s:Float64}
ORDER BY started;
