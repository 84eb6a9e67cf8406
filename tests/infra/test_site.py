"""The site file: what it says is understood, and every mistake is told with its line."""

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from anfang import cli
from infra.errors import UserError
from infra.settings import FULL_SITE, SMALL_SITE
from infra.site import load_site, minutes_of_week
from infra.sites.generate import full_site

SMALL = SMALL_SITE.read_text(encoding="utf-8")
PLAZA_END = "lines: [plaza_edge]"
FACES = "faces: {purpose: 统计广场每日到访人数以安排值守}"


@pytest.mark.parametrize(
    ("old", "new", "field", "expected"),
    [
        ("kind: perimeter", "kind: perimetr", "cameras.7.kind", "'perimeter' or 'counting'"),
        (
            "    parent: estate\n    capacity: 80",
            "    parent: estat\n    capacity: 80",
            "zones.2.parent",
            "a zone of this file",
        ),
        ("lines: [pump_door]", "lines: [pump_dor]", "cameras.7.lines.0", "a line of this file"),
        ("capacity: 150", "capacity: many", "zones.1.capacity", "valid integer"),
        ("opening_hours: day", "opening_hours: dawn", "zones.2.opening_hours", "a schedule of this file"),
        ("close_ratio: 0.9", "close_ratio: 1.5", "limits.over_capacity", "close_ratio < open_ratio"),
        ("timezone: Asia/Shanghai", "timezone: Asia/Chenggong", "estate.timezone", "IANA time zone"),
        ('["mon-fri 08:00-18:00"]', '["mon-fri 8am-6pm"]', "schedules.4.weekly", "mon-fri 06:00-22:00"),
        (
            "id: gate_west, from_zone: outside",
            "id: gate_west, from_zone: estate",
            "lines.2.to_zone",
            "other than from_zone",
        ),
        ("{id: turnstile_west", "{id: turnstile_south", "gates.2.id", "is taken"),
        ("zones: [plaza], lines", "zoness: [plaza], lines", "cameras.3.zoness", "not permitted"),
        (PLAZA_END, f"{PLAZA_END}, faces: {{}}", "cameras.3.faces.purpose", "Field required"),
        (
            PLAZA_END,
            f"{PLAZA_END}, faces: {{purpose: '   why   '}}",
            "cameras.3.faces.purpose",
            "at least 10 characters",
        ),
        ("kind: perimeter", f"{FACES}, kind: perimeter", "cameras.7.faces", "kind counting only"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, field: str, expected: str) -> None:
    assert SMALL.count(old) == 1, old
    file = tmp_path / "site.yaml"
    file.write_text(SMALL.replace(old, new), encoding="utf-8")
    changed = next(
        n for n, (a, b) in enumerate(zip(SMALL.split("\n"), file.read_text().split("\n"), strict=True), 1) if a != b
    )
    with pytest.raises(UserError) as caught:
        load_site(file)
    told = next(line for line in caught.value.problem.split("\n") if field in line)
    assert expected in told
    assert abs(int(told.split(":")[1]) - changed) <= (1 if "over_capacity" not in field else 0)


NORTH = "zones: [estate], lines: [gate_north]"
VENDOR = (
    "{kind: hikvision, lines: {PeopleCounting/1/1: {line: gate_north, in_is: -1}}, zones: {fielddetection/1/1: estate},"
    " counter_bits: 16}"
)


def test_a_vendor_is_read(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(SMALL.replace(NORTH, f"{NORTH}, vendor: {VENDOR}"), encoding="utf-8")
    vendor = load_site(file).camera["cam_gate_north"].vendor
    assert vendor is not None
    assert (vendor.lines["PeopleCounting/1/1"].in_is, vendor.zones) == (-1, {"fielddetection/1/1": "estate"})


@pytest.mark.parametrize(
    ("old", "new", "field", "expected"),
    [
        ("kind: hikvision", "kind: hikvison", "vendor.kind", "'hikvision'"),
        ("line: gate_north", "line: gate_west", "vendor.lines.PeopleCounting/1/1.line", "a line of this camera"),
        ("fielddetection/1/1: estate", "fielddetection/1/1: plaza", "vendor.zones", "a zone of this camera"),
        ("fielddetection/1/1: estate", "PeopleCounting/1/1: estate", "vendor.zones", "not both"),
        ("in_is: -1", "in_is: 0", "in_is", "1 or -1"),
        ("counter_bits: 16", "counter_bits: 8", "counter_bits", "16 or 32"),
        (
            "lines: {PeopleCounting/1/1: {line: gate_north, in_is: -1}}, zones: {fielddetection/1/1: estate},",
            "",
            "vendor",
            "names",
        ),
    ],
)
def test_a_mistake_in_a_vendor_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, field: str, expected: str
) -> None:
    assert old in VENDOR
    file = tmp_path / "site.yaml"
    file.write_text(SMALL.replace(NORTH, f"{NORTH}, vendor: {VENDOR.replace(old, new)}"), encoding="utf-8")
    changed = next(n for n, line in enumerate(file.read_text().split("\n"), 1) if "vendor:" in line)
    with pytest.raises(UserError) as caught:
        load_site(file)
    told = next(line for line in caught.value.problem.split("\n") if field in line)
    assert expected in told
    assert int(told.split(":")[1]) == changed


WINDOWS = """
maintenance:
  - zones: [plaza]
    cameras: [cam_plaza]
    rules: [gathering]
    from: 2026-11-24T08:00
    to: 2026-11-24 18:30:00
    reason: 广场翻修
suppress:
  - rule: restricted_hours
    zones: [pump_room]
    schedule: night
    reason: 夜班巡检
"""


def test_windows_are_read(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(SMALL + WINDOWS, encoding="utf-8")
    site = load_site(file)
    (work,), (weekly,) = site.maintenance, site.suppress
    assert (f"{work.start}", f"{work.end}") == ("2026-11-24 08:00:00", "2026-11-24 18:30:00")
    assert (work.rules, weekly.schedule) == (("gathering",), "night")
    edges = [datetime(2026, 11, 24, 8, tzinfo=site.tz), datetime(2026, 11, 24, 18, 30, tzinfo=site.tz)]
    assert [work.covers(int(edge.timestamp() * 1000), site.tz) for edge in edges] == [True, False]


@pytest.mark.parametrize(
    ("old", "new", "field", "expected"),
    [
        ("zones: [plaza]", "zones: [plasa]", "maintenance.0.zones.0", "one of the zones of this file"),
        ("[cam_plaza]", "[cam_plasa]", "maintenance.0.cameras.0", "one of the cameras of this file"),
        ("[gathering]", "[gatherings]", "maintenance.0.rules.0", "'gathering'"),
        ("to: 2026-11-24 18:30:00", "to: 2026-11-24T07:00", "maintenance.0", "from before to"),
        ("from: 2026-11-24T08:00", "from: 2026-11-24T08:00:00Z", "maintenance.0.from", "timezone"),
        ("from: 2026-11-24T08:00", "start: 2026-11-24T08:00", "maintenance.0.start", "not permitted"),
        ("reason: 广场翻修", "reason: ''", "maintenance.0.reason", "at least 3 characters"),
        ("rule: restricted_hours", "rule: closed_hours", "suppress.0.rule", "'restricted_hours'"),
        ("[pump_room]", "[]", "suppress.0.zones", "at least 1 item"),
        ("[pump_room]", "[pump_room, attic]", "suppress.0.zones.1", "one of the zones of this file"),
        ("schedule: night", "schedule: nights", "suppress.0.schedule", "a schedule of this file"),
    ],
)
def test_a_mistake_in_a_window_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, field: str, expected: str
) -> None:
    assert WINDOWS.count(old) == 1
    file = tmp_path / "site.yaml"
    lines = (SMALL + WINDOWS.replace(old, new)).split("\n")
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_site(file)
    told = next(line for line in caught.value.problem.split("\n") if f" {field}:" in line)
    assert expected in told
    whole = field == "maintenance.0"
    assert ("- zones: [plaza]" if whole else new) in lines[int(told.split(":")[1]) - 1]


PLAZA = "zones: [plaza], lines: [plaza_edge]"
VIEW = "{size_px: [640, 480], zones: {plaza: [[0, 0], [640, 0], [640, 480]]}, lines: {plaza_edge: [[9, 9], [9, 90]]}}"


def test_a_view_is_read(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(SMALL.replace(PLAZA, f"{PLAZA}, view: {VIEW}"), encoding="utf-8")
    view = load_site(file).camera["cam_plaza"].view
    assert view is not None
    assert view.lines == {"plaza_edge": ((9, 9), (9, 90))}
    assert list(view.zones) == ["plaza"]


@pytest.mark.parametrize(
    ("old", "new", "field", "expected"),
    [
        ("zones: {plaza", "zones: {clubhouse", "view.zones.clubhouse", "one of this camera's zones (plaza)"),
        ("lines: {plaza_edge", "lines: {gate_west", "view.lines.gate_west", "one of this camera's lines (plaza_edge)"),
        ("[640, 480]]", "[640, 481]]", "view.zones.plaza", "inside the picture of 640 x 480"),
        ("[9, 90]", "[9, 9]", "view.lines.plaza_edge", "points that differ"),
        ("plaza_edge: [[9, 9], [9, 90]]", "", "view.lines", "line 'plaza_edge' drawn here"),
        ("[[0, 0], [640, 0], [640, 480]]", "[[0, 0], [640, 0]]", "view.zones.plaza", "at least 3"),
        ("size_px: [640, 480]", "size_px: [0, 480]", "view.size_px.0", "greater than or equal to 1"),
    ],
)
def test_a_mistake_in_a_view_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, field: str, expected: str
) -> None:
    assert VIEW.count(old) == 1, old
    file = tmp_path / "site.yaml"
    file.write_text(SMALL.replace(PLAZA, f"{PLAZA}, view: {VIEW.replace(old, new)}"), encoding="utf-8")
    line = next(
        n for n, text in enumerate(file.read_text(encoding="utf-8").split("\n"), 1) if f"{PLAZA}, view:" in text
    )
    with pytest.raises(UserError) as caught:
        load_site(file)
    told = next(entry for entry in caught.value.problem.split("\n") if f"{field}: " in entry or f"{field}." in entry)
    assert expected in told
    assert int(told.split(":")[1]) == line


GROUND = "[[0, 480, 0, 0], [640, 480, 10, 0], [640, 0, 10, 8], [0, 0, 0, 8], [320, 240, 5, 4]]"


def with_ground(tmp_path: Path, ground: str) -> Path:
    """The small site, its plaza camera's view with such ground points, in one line."""
    file = tmp_path / "site.yaml"
    view = VIEW.removesuffix("}") + f", ground: {ground}}}"
    file.write_text(SMALL.replace(PLAZA, f"{PLAZA}, view: {view}"), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("old", "new", "field", "expected"),
    [
        (", [0, 0, 0, 8], [320, 240, 5, 4]", "", "view.ground", "at least 4"),
        ("[320, 240, 5, 4]", "[320, 481, 5, 4]", "view.ground.4", "inside the picture of 640 x 480"),
        ("[320, 240, 5, 4]", "[320, 240, .inf, 4]", "view.ground.4.2", "finite"),
        ("[320, 240, 5, 4]", "[320, 240, 9, 4]", "view.ground.4", "fit to 2.0 m, this one is off by"),
        ("[640, 0, 10, 8], [0, 0, 0, 8], ", "[400, 480, 6.25, 0], ", "view.ground", "no three lie on one line"),
        ("0, 0, 0, 8], [320, 240, 5, 4]", "0, 0, 5, -9]", "view.ground", "some seem exchanged"),
    ],
)
def test_ground_points_that_give_no_ground_are_told_with_their_line(
    tmp_path: Path, old: str, new: str, field: str, expected: str
) -> None:
    assert GROUND.count(old) == 1, old
    file = with_ground(tmp_path, GROUND.replace(old, new))
    line = next(n for n, text in enumerate(file.read_text(encoding="utf-8").split("\n"), 1) if "ground:" in text)
    with pytest.raises(UserError) as caught:
        load_site(file)
    told = next(entry for entry in caught.value.problem.split("\n") if f".{field}: " in entry)
    assert expected in told
    assert int(told.split(":")[1]) == line


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("", "", "cam_plaza: 5 ground points, off by 0.00 m (rms), 0.00 m at most"),
        ("[320, 240, 5, 4]", "[320, 240, 5.3, 4]", "cam_plaza: 5 ground points, off by 0.1"),
        (", [320, 240, 5, 4]", "", "cam_plaza: 4 ground points, nothing to check them by"),
    ],
)
def test_site_check_tells_how_well_the_ground_fits(tmp_path: Path, old: str, new: str, told: str) -> None:
    file = with_ground(tmp_path, GROUND.replace(old, new) if old else GROUND)
    result = CliRunner().invoke(cli, ["site", "check", str(file)])
    assert result.exit_code == 0, result.output
    assert told in result.stdout


def test_all_mistakes_of_a_kind_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(SMALL.replace("lines: [door_", "lines: [dor_"), encoding="utf-8")
    with pytest.raises(UserError, match=r"mend these 2"):
        load_site(file)


def test_not_yaml_and_not_there(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("version: 1\nzones: [}\n")
    with pytest.raises(UserError, match=r"site\.yaml:2: not YAML"):
        load_site(file)
    with pytest.raises(UserError, match="No such file"):
        load_site(tmp_path / "none.yaml")


def test_zones_in_a_circle_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(SMALL.replace("kind: estate, capacity", "kind: estate, parent: plaza, capacity"), encoding="utf-8")
    with pytest.raises(UserError, match="contains itself"):
        load_site(file)


def test_the_full_site_is_what_the_rule_gives_and_has_the_reports_numbers() -> None:
    assert FULL_SITE.read_text(encoding="utf-8") == full_site()
    site = load_site(FULL_SITE)
    kinds = [camera.kind for camera in site.cameras]
    assert (kinds.count("perimeter"), kinds.count("counting"), len(site.gates)) == (16, 601, 18)
    entrances = [gate.entrance for gate in site.gates]
    assert [entrances.count(name) for name in ("北门", "南门", "西门", "一期", "二期", "三期")] == [2, 2, 2, 4, 4, 4]


def test_a_crossing_changes_only_zones_really_entered_or_left() -> None:
    effects = load_site(SMALL_SITE).effects
    assert effects["gate_north"] == {"estate": 1}
    assert effects["clubhouse_door"] == {"clubhouse": 1, "plaza": -1}
    assert effects["door_1"] == {"building_1": 1}


@given(st.integers(0, 6), st.integers(0, 1439), st.integers(1, 1440), st.integers(0, 7 * 1440 - 1))
def test_weekly_hours_agree_with_counting_minutes(day: int, start: int, length: int, probe: int) -> None:
    end = (start + length) % 1440
    clock = f"{start // 60:02d}:{start % 60:02d}-{end // 60:02d}:{end % 60:02d}"
    from infra.site import WEEKDAYS, Schedule

    schedule = Schedule(id="s", weekly=(f"{WEEKDAYS[day]} {clock}",))
    first = day * 1440 + start
    inside = {minute % (7 * 1440) for minute in range(first, first + length)}
    local = datetime(2026, 11, 23 + probe // 1440, probe % 1440 // 60, probe % 60)  # noqa: DTZ001 - local wall time, a Monday + n
    assert schedule.covers(local) is (probe in inside)


def test_hours_that_cannot_be_read() -> None:
    for text in ("", "mon", "mon 06:00", "fri-mon 06:00-07:00", "mon 25:00-26:00", "mon 06:60-07:00"):
        with pytest.raises(ValueError, match="expected"):
            minutes_of_week(text)


def test_a_copy_with_other_fields_derives_everything_anew() -> None:
    site = load_site(SMALL_SITE)
    assert len(site.camera) == len(site.cameras) > 1
    assert list(site.model_copy(update={"cameras": site.cameras[:1]}).camera) == [site.cameras[0].id]
