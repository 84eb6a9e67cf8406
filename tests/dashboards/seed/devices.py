"""What must be said of cameras, gates and the nightly."""

from collections import Counter

import numpy as np

from tests.dashboards.seed.truth import LEAST_FPS, MOST_CLOCK_MS, Row, Truth, mean, share
from tests.dashboards.seed.years import (
    CAMERAS,
    GATES,
    MINUTES,
    PICTURES,
    SITE,
    Day,
    content_hash,
)


def kpi_gate_passages(truth: Truth) -> list[Row]:
    counted = Counter((passage.gate, passage.granted) for day in truth.days for passage in day.passages)
    return [
        {"gate_id": gate, "granted_passages": counted[gate, True], "refused_passages": counted[gate, False]}
        for gate in sorted({gate for gate, _ in counted})
    ]


def kpi_gates_in_use(truth: Truth) -> list[Row]:
    passages = [passage for day in truth.days for passage in day.passages]
    return [
        {
            "gates": len({passage.gate for passage in passages}) if passages else None,
            "passages": len(passages),
            "refused": sum(not passage.granted for passage in passages),
        }
    ]


def kpi_gate_days(truth: Truth) -> list[Row]:
    used = {(passage.gate, day.day) for day in truth.days for passage in day.passages}
    days = len({day for _, day in used})
    expected = days * len(GATES)
    return [
        {
            "days_with_passages": days,
            "used_gate_days": len(used),
            "expected_gate_days": expected,
            "gate_day_rate": share(len(used), expected),
        }
    ]


def cameras_online(day: Day, kind: str | None = None) -> set[str]:
    """Cameras that were online at some minute of the day."""
    online = {CAMERAS[i] for i in day.cameras.camera[day.cameras.online]}
    return {camera for camera in online if kind is None or SITE.camera[camera].kind == kind}


def kpi_cameras_online(truth: Truth) -> list[Row]:
    row: Row = {"days_with_health": len(truth.days), "health_rate": share(len(truth.days), truth.length)}
    for kind in ("perimeter", "counting"):
        numbers = [len(cameras_online(day, kind)) for day in truth.days]
        row |= {f"{kind}_online": mean(numbers), f"{kind}_least": min(numbers, default=None)}
    return [row]


def online_minutes(truth: Truth) -> int:
    return sum(int(day.cameras.online.sum()) for day in truth.days)


def kpi_camera_minutes(truth: Truth) -> list[Row]:
    online, expected = online_minutes(truth), len(truth.days) * MINUTES * len(CAMERAS)
    good = sum(int((day.cameras.online & (day.cameras.picture == PICTURES.index("ok"))).sum()) for day in truth.days)
    return [
        {
            "health_rate": share(len(truth.days), truth.length),
            "online_minutes": online,
            "expected_minutes": expected,
            "picture_ok_minutes": good,
            "online_rate": share(online, expected),
            "picture_ok_rate": share(good, online),
        }
    ]


def kpi_camera_online_by_day(truth: Truth) -> list[Row]:
    return [
        {
            "day": str(day.day),
            "cameras_online": len(cameras_online(day)),
            "cameras": len(CAMERAS),
            "day_minutes": MINUTES,
            "online_rate": 100 * int(day.cameras.online.sum()) / (MINUTES * len(CAMERAS)),
        }
        for day in truth.days
    ]


def kpi_cameras_least_online(truth: Truth) -> list[Row]:
    online, bad = np.zeros(len(CAMERAS), int), np.zeros(len(CAMERAS), int)
    for day in truth.days:
        told = day.cameras
        np.add.at(online, told.camera, told.online)
        np.add.at(bad, told.camera, told.online & (told.picture != PICTURES.index("ok")))
    minutes = len(truth.days) * MINUTES
    rows: list[Row] = [
        {
            "camera": camera,
            "online_minutes_of_camera": int(online[i]),
            "bad_picture_minutes_of_camera": int(bad[i]),
            "online_rate": 100 * int(online[i]) / minutes,
        }
        for i, camera in enumerate(CAMERAS)
    ]
    order = sorted(range(len(CAMERAS)), key=lambda i: (online[i], -bad[i], CAMERAS[i]))
    return [rows[i] for i in order[:8]]


def kpi_cameras_in_use(truth: Truth) -> list[Row]:
    online = Counter(CAMERAS[i] for day in truth.days for i in day.cameras.camera[day.cameras.online])
    used = sum(2 * number >= MINUTES * len(truth.days) for number in online.values())
    return [{"cameras": len(CAMERAS), "cameras_in_use": used, "in_use_rate": share(used, len(CAMERAS))}]


def kpi_camera_days(truth: Truth) -> list[Row]:
    told = sum(len(np.unique(day.cameras.camera)) for day in truth.days)
    expected = len(CAMERAS) * truth.length
    return [
        {
            "told_camera_days": told,
            "expected_camera_days": expected,
            "days_with_health": len(truth.days),
            "camera_day_rate": share(told, expected),
        }
    ]


def kpi_video_quality(truth: Truth) -> list[Row]:
    online = online_minutes(truth)
    fps = sum(int((day.cameras.online & (day.cameras.fps >= LEAST_FPS)).sum()) for day in truth.days)
    decoded = sum(int((day.cameras.online & (day.cameras.decode_errors == 0)).sum()) for day in truth.days)
    timed = sum(
        int((day.cameras.online & (np.abs(day.cameras.clock_offset_ms) <= MOST_CLOCK_MS)).sum()) for day in truth.days
    )
    counts = {"fps": fps, "decode": decoded, "clock": timed}
    return [
        {
            "online_minutes": online,
            **{f"{name}_ok_minutes": number for name, number in counts.items()},
            **{f"{name}_ok_rate": share(number, online) for name, number in counts.items()},
        }
    ]


def kpi_data_completeness(truth: Truth) -> list[Row]:
    sent, received = (sum(int(getattr(day, name).sum()) for day in truth.days) for name in ("sent", "received"))
    return [
        {
            "sequences": len(truth.days) * len(CAMERAS),
            "received_envelopes": received,
            "expected_envelopes": sent,
            "completeness_rate": share(received, sent),
        }
    ]


def kpi_stream_batch_agreement(truth: Truth) -> list[Row]:
    minutes = sum(len(day.zones.zone) for day in truth.days)
    differing = sum(int((day.zones.counts[:, :2] != day.zones.counts[:, 2:]).any(axis=1).sum()) for day in truth.days)
    return [
        {
            "zone_minutes": minutes,
            "differing_minutes": differing,
            "agreement_rate": share(minutes - differing, minutes),
        }
    ]


def kpi_accounting(truth: Truth) -> list[Row]:
    balanced = sum(
        day.account["raw"] == sum(day.account[name] for name in ("valid", "duplicates", "dead_letters"))
        for day in truth.days
    )
    names = ("raw", "valid", "duplicate", "dead_letter", "late", "streamed_dead_letter")
    kept = ("raw", "valid", "duplicates", "dead_letters", "late", "streamed_dead_letters")
    return [
        {
            "days_loaded": len(truth.days),
            "loaded_rate": share(len(truth.days), truth.length),
            "balanced_rate": share(balanced, len(truth.days)),
            **{f"{name}_records": truth.total(column) for name, column in zip(names, kept, strict=True)},
        }
    ]


def kpi_partitions(truth: Truth) -> list[Row]:
    return [{"day": str(day.day), "content_hash": content_hash(day.day)} for day in truth.days]


def kpi_records(truth: Truth) -> list[Row]:
    raw, dead, valid, late = map(truth.total, ("raw", "dead_letters", "valid", "late"))
    return [
        {
            "raw_records": raw,
            "refused_records": dead,
            "valid_records": valid,
            "late_records": late,
            "accepted_rate": share(raw - dead, raw),
            "in_time_rate": share(valid, valid + late),
        }
    ]


def kpi_stored_days(truth: Truth) -> list[Row]:
    whole = sum(
        (len(day.crossings), len(day.alerts), len(day.zones.zone))
        == (day.account["crossings"], day.account["alerts"], day.account["zone_minutes"])
        for day in truth.days
    )
    return [{"days_loaded": len(truth.days), "days_whole": whole, "stored_rate": share(whole, len(truth.days))}]
