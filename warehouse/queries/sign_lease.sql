-- Bid for the warehouse, say that the holder lives, or release: the row with the latest `seen` counts.
INSERT INTO nightly_leases (holder, host, pid, place, process_started, started, released)
SELECT
    {holder:String},
    {host:String},
    {pid:UInt32},
    {place:String},
    {process_started:Float64},
    fromUnixTimestamp64Milli({started_ms:Int64}, 'UTC') AS started,
    {released:UInt8};
