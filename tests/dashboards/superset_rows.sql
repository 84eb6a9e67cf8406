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
    toDate('2025-03-03') + intDiv(number, 288) % 15 AS local_day,
    number % 288 * 5 AS minute_of_day,
    intDiv(number, 288 * 15) + 1 AS zone,
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
    cityHash64(number) % 9,
    cityHash64(number, 1) % 9,
    estimate,
    estimate * 0.93,
    estimate * 1.08,
    NULL,
    'full',
    1
FROM numbers(288 * 15 * 5);

INSERT INTO alerts
(
    estate_id, day, alert_id, rule, zone_id, subject_id, severity, status, opened_time, updated_time, closed_time,
    published_time, revision, explanation, measured, evidence
)
WITH
    toDate('2025-03-03') + number % 15 AS local_day,
    ['over_capacity', 'restricted_hours', 'camera_silent'] AS rules,
    ['plaza', 'pump_room', 'estate'] AS zones,
    ['广场估计 163 人（95 % 区间 151–175），容量 150 人', '水泵房在禁入时段有 1 人进入', '摄像机已 185 秒没有任何消息'] AS reasons,
    1 + cityHash64(number) % 3 AS kind,
    toDateTime64(local_day, 3, 'UTC') + toIntervalMinute(cityHash64(number, 7) % 720) AS opened
SELECT
    'demo_garden',
    local_day,
    'alert-' || toString(number),
    rules[kind],
    zones[kind],
    if(kind = 3, 'cam_plaza', zones[kind]),
    ['warning', 'critical', 'info'][kind],
    if(number < 3, 'opened', 'closed'),
    opened,
    opened + INTERVAL 6 MINUTE,
    if(number < 3, NULL, opened + INTERVAL 9 MINUTE),
    opened + INTERVAL 1 SECOND,
    3,
    reasons[kind],
    map('persons', 163.0),
    ['envelope-' || toString(number)]
FROM numbers(44);

INSERT INTO camera_minutes
(
    estate_id, day, minute, camera_id, online, fps, decode_errors, picture, clock_offset_ms
)
WITH
    toDate('2025-03-03') + intDiv(number, 288) % 15 AS local_day,
    intDiv(number, 288 * 15) + 1 AS camera,
    ['cam_gate_north', 'cam_gate_south', 'cam_gate_west', 'cam_plaza', 'cam_clubhouse', 'cam_door_1', 'cam_door_2', 'cam_perimeter'] AS cameras
SELECT
    'demo_garden',
    local_day,
    toDateTime(local_day, 'UTC') - INTERVAL 8 HOUR + toIntervalMinute(number % 288 * 5),
    cameras[camera],
    if(cityHash64(number) % 200 < camera, 0, 1),
    25,
    0,
    'ok',
    3.5
FROM numbers(288 * 15 * 8)
WHERE NOT (camera = 4 AND number % 288 BETWEEN 100 AND 112);

INSERT INTO nightly_accounting
(
    estate_id, day, raw, valid, duplicates, dead_letters, streamed_dead_letters, crossings, alerts, zone_minutes,
    differing_zone_minutes, content_hash, loaded_at, seconds
)
SELECT
    'demo_garden',
    day,
    count() + 61,
    count(),
    42 + toDayOfMonth(day),
    19 - toDayOfMonth(day),
    19 - toDayOfMonth(day),
    count(),
    3,
    1440,
    if(toDayOfWeek(day) = 5, 2, 0),
    'hash',
    now64(3),
    4.5
FROM crossings
GROUP BY day;
