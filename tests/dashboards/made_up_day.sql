-- A day of a large estate, made up in ClickHouse: as many rows as the nightly would load, and a year of them soon.
INSERT INTO camera_minutes (estate_id, day, minute, camera_id, online, fps, decode_errors, picture, clock_offset_ms)
SELECT
    {estate:String},
    {day:Date},
    toDateTime({start_s:Int64} + 60 * (number % 1440), 'UTC'),
    {cameras:Array(String)}[intDiv(number, 1440) + 1],
    number % 997 != 0,
    25,
    0,
    if(number % 991 = 0, 'blurred', 'ok'),
    0
FROM numbers(1440 * length({cameras:Array(String)}));

INSERT INTO zone_minutes (estate_id, day, minute, zone_id, ins, outs, batch_ins, batch_outs, occupancy, low, high, visible, coverage, revision)
SELECT
    {estate:String},
    {day:Date},
    toDateTime({start_s:Int64} + 60 * (number % 1440), 'UTC'),
    {zones:Array(String)}[intDiv(number, 1440) + 1],
    number % 3,
    1,
    number % 3,
    1,
    100 + number % 1440,
    80 + number % 1440,
    120 + number % 1440,
    NULL,
    'full',
    0
FROM numbers(1440 * length({zones:Array(String)}));

INSERT INTO crossings (estate_id, day, event_time, crossing_id, line_id, camera_id, direction, track_id, object_class)
SELECT
    {estate:String},
    {day:Date},
    toDateTime64({start_s:Int64} + number * 86400 / {crossings:UInt32}, 3, 'UTC'),
    concat({day:String}, '-', toString(number)),
    {lines:Array(String)}[number % length({lines:Array(String)}) + 1],
    {cameras:Array(String)}[number % length({cameras:Array(String)}) + 1],
    if(number % 2 = 0, 1, -1),
    number,
    'person'
FROM numbers({crossings:UInt32});

INSERT INTO gate_passages (estate_id, day, event_time, passage_id, gate_id, direction, method, granted)
SELECT
    {estate:String},
    {day:Date},
    toDateTime64({start_s:Int64} + number * 86400 / {passages:UInt32}, 3, 'UTC'),
    concat({day:String}, '-', toString(number)),
    {gates:Array(String)}[number % length({gates:Array(String)}) + 1],
    1,
    'card',
    number % 50 != 0
FROM numbers({passages:UInt32});

INSERT INTO camera_sequences (estate_id, day, camera_id, boot_id, zone_id, first_seq, last_seq, received)
SELECT
    {estate:String},
    {day:Date},
    {cameras:Array(String)}[number + 1],
    'boot',
    {zones:Array(String)}[number % length({zones:Array(String)}) + 1],
    0,
    86399,
    86390
FROM numbers(length({cameras:Array(String)}));

INSERT INTO alerts (estate_id, day, alert_id, rule, zone_id, subject_id, severity, status, opened_time, updated_time, closed_time, published_time, revision, explanation)
SELECT
    {estate:String},
    {day:Date},
    concat({day:String}, '-', toString(number)),
    ['restricted_hours', 'fire_lane', 'e_bike'][number % 3 + 1],
    {zones:Array(String)}[1],
    {zones:Array(String)}[1],
    'warning',
    'closed',
    toDateTime64({start_s:Int64} + 1000 * number, 3, 'UTC') AS opened,
    opened,
    opened + toIntervalMinute(10),
    opened + toIntervalSecond(2),
    1,
    'made up'
FROM numbers({alerts:UInt32});

INSERT INTO dispositions (estate_id, day, disposition_id, alert_id, event_time, verdict, said_by, note)
SELECT
    {estate:String},
    {day:Date},
    concat({day:String}, '-', toString(number)),
    concat({day:String}, '-', toString(number)),
    toDateTime64({start_s:Int64} + 1000 * number + 300, 3, 'UTC'),
    if(number % 7 = 0, 'false', 'true'),
    '',
    ''
FROM numbers({alerts:UInt32});

INSERT INTO nightly_accounting (estate_id, day, raw, valid, duplicates, dead_letters, late, streamed_dead_letters, crossings, alerts, zone_minutes, content_hash, loaded_at)
SELECT
    {estate:String},
    {day:Date},
    1000,
    990,
    6,
    4,
    1,
    4,
    {crossings:UInt32},
    {alerts:UInt32},
    1440 * length({zones:Array(String)}),
    concat('hash of ', {day:String}),
    now64(3);
