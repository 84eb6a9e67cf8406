-- Write down what became of a day's records.
INSERT INTO nightly_accounting
(
    estate_id, day, raw, valid, duplicates, dead_letters, late, streamed_dead_letters,
    crossings, alerts, zone_minutes, differing_zone_minutes, content_hash, loaded_at, seconds
)
SELECT
    {estate:String},
    {day:Date},
    {raw:UInt64},
    {valid:UInt64},
    {duplicates:UInt64},
    {dead_letters:UInt64},
    {late:UInt64},
    {streamed_dead_letters:UInt64},
    {crossings:UInt64},
    {alerts:UInt64},
    {zone_minutes:UInt64},
    {differing_zone_minutes:UInt64},
    {content_hash:String},
    parseDateTime64BestEffort({loaded_at:String}, 3, 'UTC') AS loaded_at,
    {seconds:Float32};
