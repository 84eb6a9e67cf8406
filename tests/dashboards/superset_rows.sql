-- Fifteen days of a small estate, the same at every run: enough for each chart to show something. Local time is UTC+8.
INSERT INTO crossings
(
    estate_id, day, event_time, crossing_id, line_id, camera_id, direction, track_id, object_class
)
WITH
    [7, 7, 7, 8, 8, 8, 8, 9, 10, 11, 11, 12, 12, 13, 14, 15, 16, 17, 17, 18, 18, 18, 18, 19, 19, 20, 21, 22, 23, 6] AS hours,
    ['gate_north', 'gate_north', 'gate_south', 'gate_west', 'plaza_edge', 'clubhouse_door'] AS lines,
    toDate('2025-03-03') + number % 15 AS local_day,
    cityHash64(number) AS dice
SELECT
    'demo_garden',
    local_day,
    toDateTime64(local_day, 3, 'UTC') - INTERVAL 8 HOUR
        + toIntervalSecond(hours[1 + dice % 30] * 3600 + intDiv(dice, 64) % 3600),
    'crossing-' || toString(number),
    lines[1 + intDiv(dice, 4096) % 6],
    'cam_' || lines[1 + intDiv(dice, 4096) % 6],
    if(intDiv(dice, 1024) % 2 = 0, 1, -1),
    number,
    'person'
FROM numbers(60000)
WHERE toDayOfWeek(local_day) < 6 OR dice % 3 > 0;

INSERT INTO zone_minutes
(
    estate_id, day, minute, zone_id, ins, outs, batch_ins, batch_outs, occupancy, low, high, visible, coverage, revision
)
WITH
    toDate('2025-03-03') + intDiv(number, 1440) % 15 AS local_day,
    number % 1440 AS minute_of_day,
    intDiv(number, 1440 * 15) + 1 AS zone,
    ['estate', 'plaza', 'clubhouse', 'building_1', 'building_2'] AS zones,
    [900, 90, 45, 320, 290] AS sizes,
    sizes[zone] * (0.55 - 0.4 * sin((minute_of_day - 420) / 1440 * 2 * pi()) + 0.05 * sin(number)) AS estimate
SELECT
    'demo_garden',
    local_day,
    toDateTime(local_day, 'UTC') - INTERVAL 8 HOUR + toIntervalMinute(minute_of_day),
    zones[zone],
    cityHash64(number) % 9,
    cityHash64(number, 1) % 9,
    cityHash64(number) % 9 + if(number % 12500 = 7, 1, 0),
    cityHash64(number, 1) % 9,
    estimate,
    estimate * 0.93,
    estimate * 1.08,
    NULL,
    multiIf(number % 1440 BETWEEN 500 AND 560, 'partial', number % 1440 BETWEEN 1000 AND 1003, 'unknown', 'full'),
    1
FROM numbers(1440 * 15 * 5);

INSERT INTO alerts
(
    estate_id, day, alert_id, rule, zone_id, subject_id, severity, status, opened_time, updated_time, closed_time,
    published_time, revision, explanation, measured, evidence
)
WITH
    toDate('2025-03-03') + number % 15 AS local_day,
    ['over_capacity', 'restricted_hours', 'camera_silent', 'gathering', 'e_bike', 'tailgating', 'fire_lane', 'unusual_flow'] AS rules,
    ['plaza', 'pump_room', 'estate', 'plaza', 'building_1', 'estate', 'fire_lane', 'estate'] AS zones,
    ['plaza', 'pump_room', 'cam_gate_west', 'plaza', 'building_1', 'gate_north', 'fire_lane', 'gate_south'] AS subjects,
    [
        '广场估计 163 人（95 % 区间 151–175），容量 150 人', '水泵房在禁入时段有 1 人进入', '摄像机已 185 秒没有任何消息',
        '视野内 42 人已 2 分钟，限值 40 人', '电动车进入 1 栋', '2 人跟随进入，没有自己的授权', '车辆停在消防通道 6 分钟',
        '本小时 412 人，通常不超过 300 人'
    ] AS reasons,
    [
        map('occupancy', 163.0, 'low', 151.0, 'high', 175.0, 'capacity', 150.0), map('signs', 1.0), map('timeout_s', 180.0),
        map('peak', 42.0, 'held_s', 120.0, 'limit', 40.0), map('signs', 1.0), map('signs', 2.0),
        map('vehicles', 1.0, 'limit_minutes', 5.0), map('persons', 412.0, 'usual', 297.0)
    ] AS measures,
    1 + cityHash64(number) % 8 AS kind,
    toDateTime64(local_day, 3, 'UTC') - INTERVAL 8 HOUR + toIntervalMinute(cityHash64(number, 7) % 1440) AS opened
SELECT
    'demo_garden',
    local_day,
    'alert-' || toString(number),
    rules[kind],
    zones[kind],
    subjects[kind],
    ['critical', 'critical', 'warning', 'warning', 'critical', 'warning', 'critical', 'info'][kind],
    if(number < 3, 'opened', 'closed'),
    opened,
    opened + INTERVAL 6 MINUTE,
    if(number < 3, NULL, opened + toIntervalSecond(200 + cityHash64(number, 3) % 900)),
    opened + toIntervalMillisecond(300 + cityHash64(number, 4) % 2500),
    3,
    reasons[kind],
    measures[kind],
    ['envelope-' || toString(number)]
FROM numbers(160);

INSERT INTO dispositions
(
    estate_id, day, disposition_id, alert_id, event_time, verdict, said_by, note
)
SELECT
    estate_id,
    day,
    'said-' || alert_id,
    alert_id,
    opened_time + toIntervalSecond(60 + cityHash64(alert_id, 1) % 1500),
    multiIf(
        cityHash64(alert_id, 2) % 10 < 2 AND rule IN ('gathering', 'tailgating', 'unusual_flow'), 'false',
        cityHash64(alert_id, 2) % 10 = 3, 'benign',
        cityHash64(alert_id, 2) % 10 = 4, 'unsure',
        'true'
    ),
    'guard',
    ''
FROM alerts
WHERE cityHash64(alert_id) % 8 > 0;

INSERT INTO camera_minutes
(
    estate_id, day, minute, camera_id, online, fps, decode_errors, picture, clock_offset_ms
)
WITH
    toDate('2025-03-03') + intDiv(number, 1440) % 15 AS local_day,
    intDiv(number, 1440 * 15) + 1 AS camera,
    ['cam_gate_north', 'cam_gate_south', 'cam_gate_west', 'cam_plaza', 'cam_clubhouse', 'cam_door_1', 'cam_door_2', 'cam_perimeter'] AS cameras
SELECT
    'demo_garden',
    local_day,
    toDateTime(local_day, 'UTC') - INTERVAL 8 HOUR + toIntervalMinute(number % 1440),
    cameras[camera],
    if(cityHash64(number) % 200 < camera, 0, 1),
    25,
    0,
    multiIf(camera = 6 AND cityHash64(number) % 50 = 0, 'blurred', camera = 8 AND cityHash64(number) % 70 = 0, 'covered', 'ok'),
    camera * 3.5 + cityHash64(number) % 5
FROM numbers(1440 * 15 * 8)
WHERE NOT (camera = 4 AND number % 1440 BETWEEN 500 AND 560);

INSERT INTO camera_sequences
(
    estate_id, day, camera_id, boot_id, zone_id, first_seq, last_seq, received
)
SELECT
    estate_id,
    day,
    camera_id,
    'boot',
    'estate',
    1,
    86400,
    86400 - if(cityHash64(day, camera_id) % 9 = 0, cityHash64(day, camera_id) % 40, 0)
FROM camera_minutes
GROUP BY estate_id, day, camera_id;

INSERT INTO gate_passages
(
    estate_id, day, event_time, passage_id, gate_id, direction, method, granted
)
SELECT
    estate_id,
    day,
    event_time,
    'passage-' || crossing_id,
    'turnstile_' || substring(line_id, 6),
    direction,
    'card',
    if(cityHash64(crossing_id) % 60 = 0, 0, 1)
FROM crossings
WHERE line_id LIKE 'gate%';

INSERT INTO nightly_accounting
(
    estate_id, day, raw, valid, duplicates, dead_letters, late, streamed_dead_letters, crossings, alerts, zone_minutes,
    differing_zone_minutes, content_hash, loaded_at, seconds
)
SELECT
    'demo_garden',
    day,
    count() + 61,
    count(),
    42 + toDayOfMonth(day),
    19 - toDayOfMonth(day),
    toDayOfMonth(day) % 4,
    19 - toDayOfMonth(day),
    count(),
    3,
    7200,
    if(toDayOfWeek(day) = 5, 2, 0),
    'hash',
    now64(3),
    4.5 + cityHash64(day) % 10 / 10
FROM crossings
GROUP BY day;
