"""Event contracts: every message that crosses Kafka, as frozen msgspec structs.

From these structs the JSON Schemas and the AsyncAPI document in `infra/schemas/` are generated (`anfang schema write`);
a test fails when one changes incompatibly without a new `SCHEMA_VERSION`. All times are event times in UTC milliseconds
since 1970, all positions metres in the site's own plane. Identifiers are made from what caused a thing, so that
sending it twice is harmless.
"""

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

SCHEMA_VERSION: Literal[1] = 1
MAX_ENVELOPE_BYTES = 1_000_000
MAX_SLICE_MS = 1_000
MAX_CLOCK_ERROR_MS = 86_400_000
MAX_AHEAD_MS = 900_000  # of the clock of whoever takes an event now
LATEST_MS = 4_102_444_800_000  # the year 2100: what is later was not meant as milliseconds

Identifier = Annotated[str, Meta(min_length=1, max_length=96)]
MAX_INTEGER = 2**63 - 1  # what Spark and ClickHouse can hold
MAX_PERSONS = 1_000_000
TimeMs = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Count = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
TrackId = Annotated[int, Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]
ObjectClass = Literal["person", "bicycle", "motorcycle", "car", "truck"]
Direction = Literal[1, -1]
Picture = Literal["ok", "black", "frozen", "blurred", "moved", "covered"]
Coverage = Literal["full", "partial", "unknown"]
AlertStatus = Literal["opened", "updated", "closed"]
Severity = Literal["info", "warning", "critical"]
Verdict = Literal["true", "false", "benign", "unsure"]


class Detections(Struct, frozen=True, kw_only=True, gc=False):
    """Tracks seen in one slice, columnar: n-long lists, one entry per detection. `x_m, y_m` is the ground point."""

    event_ms: list[TimeMs] = []
    track_id: list[TrackId] = []
    object_class: list[ObjectClass] = []
    x_m: list[float] = []
    y_m: list[float] = []
    confidence: list[float] = []


class Crossings(Struct, frozen=True, kw_only=True, gc=False):
    """Line crossings in one slice, columnar: n-long lists. `direction` +1 is from `from_zone` to `to_zone`.

    A negative `track_id` is of one who was only counted: `event_ms` is then a share of the time that the count is of.
    """

    crossing_id: list[Identifier] = []
    event_ms: list[TimeMs] = []
    line_id: list[Identifier] = []
    direction: list[Direction] = []
    track_id: list[TrackId] = []
    object_class: list[ObjectClass] = []


class Visitors(Struct, frozen=True, kw_only=True, gc=False):
    """Persons known again within a day, columnar: n-long lists. `token` is random, and forgotten at local midnight."""

    event_ms: list[TimeMs] = []
    track_id: list[TrackId] = []
    token: list[Identifier] = []


class Health(Struct, frozen=True, kw_only=True, gc=False):
    """State of a camera, told once a minute and at each change, in its home zone at least.

    `clock_offset_ms` is camera clock minus ours.

    Since the last health: `decode_errors` frames could not be read, `dropped` came too fast to be looked at, and
    `thinned` detections were given up because the spool was full. Crossings are never given up.
    """

    online: bool
    fps: float
    decode_errors: int = 0
    picture: Picture = "ok"
    clock_offset_ms: float = 0.0
    dropped: int = 0
    thinned: int = 0


class Envelope(Struct, frozen=True, kw_only=True, gc=False):
    """The detection event: all that one camera saw of one zone in one slice of at most `MAX_SLICE_MS`.

    `seq` counts from 0 per (`camera_id`, `boot_id`, `zone_id`), so a gap or a repeat shows inside one partition.
    `visible` is the number of persons in view in the zone at `end_ms`, or null where the camera does not count them.
    The Kafka key is `zone_id`; the Kafka timestamp is the sender's clock.
    """

    schema_version: Literal[1]
    estate_id: Identifier
    zone_id: Identifier
    camera_id: Identifier
    boot_id: Identifier
    seq: Count
    start_ms: TimeMs
    end_ms: TimeMs
    visible: Count | None = None
    detections: Detections | None = None
    crossings: Crossings | None = None
    health: Health | None = None
    visitors: Visitors | None = None


class GatePassage(Struct, frozen=True, kw_only=True, gc=False):
    """One decision of a personnel gate's controller: who asked is not in it, only how.

    `direction` is that of the gate's line. The Kafka key is the zone that the gate lets into (`Site.inner_zone`), so
    that what the cameras tell of the line lies in the same partition.
    """

    schema_version: Literal[1]
    passage_id: Identifier
    estate_id: Identifier
    gate_id: Identifier
    event_ms: TimeMs
    direction: Direction
    method: Literal["card", "face", "code", "remote", "button"]
    granted: bool


class Headcount(Struct, frozen=True, kw_only=True, gc=False):
    """Persons in a zone as somebody counted them, right to a standard deviation of `error_persons`.

    The Kafka key is the zone. A later message of the same `headcount_id` stands in for the earlier one.
    """

    schema_version: Literal[1]
    headcount_id: Identifier
    estate_id: Identifier
    zone_id: Identifier
    event_ms: TimeMs
    persons: Annotated[int, Meta(ge=0, le=MAX_PERSONS)]
    error_persons: Annotated[float, Meta(ge=0, le=MAX_PERSONS)]
    by: Identifier


class OccupancyMinute(Struct, frozen=True, kw_only=True, gc=False):
    """Occupancy of one zone at the end of one minute: an estimate with its 95 % interval `[low, high]`, in persons.

    `ins`, `outs` count the minute's crossings into and out of the zone; `balance` is the plain running sum since the
    zone's start; `visible` the last in-zone count seen in the minute. A correction for late events carries the same
    `row_id` with a higher `revision`.
    """

    schema_version: Literal[1]
    row_id: Identifier
    revision: int
    estate_id: Identifier
    zone_id: Identifier
    minute_ms: TimeMs
    ins: int
    outs: int
    balance: int
    occupancy: float
    low: float
    high: float
    visible: int | None
    coverage: Coverage
    watermark_ms: TimeMs


class OccupancyNow(Struct, frozen=True, kw_only=True, gc=False):
    """One zone as it is now, for those who join late: the last one of each zone (Kafka key `zone_id`) is the present.

    All live cameras have told up to `as_of_ms` (event time, a step of 10 s); it rises with every one that is published,
    and with the zone makes `now_id`. `occupancy` in `[low, high]` is the last closed minute's estimate moved on by what
    is known of the open minute, `visible` the last in-zone count. Of the local day so far: `ins_today`, `outs_today`;
    `peak_today`, the highest estimate at a minute's end, in the minute `peak_minute_ms`; `turnover_today`, entries by
    capacity, null without one; `unique_visitors_today`, different persons known again, estimated with a standard error
    of 1.6 % (up to some 300 exact), null where no camera does that.
    """

    schema_version: Literal[1]
    now_id: Identifier
    estate_id: Identifier
    zone_id: Identifier
    as_of_ms: TimeMs
    occupancy: float
    low: float
    high: float
    visible: int | None
    coverage: Coverage
    ins_today: int
    outs_today: int
    peak_today: float | None
    peak_minute_ms: TimeMs | None
    turnover_today: float | None
    unique_visitors_today: int | None
    watermark_ms: TimeMs


class Alert(Struct, frozen=True, kw_only=True, gc=False):
    """One state of one alert. `alert_id` is made from rule, subject and cause, so each incident is one id.

    `subject_id` is the zone, line, camera or alert it is about; `explanation` says why in English words, with the
    numbers of `measured`; `names` has what else is needed to say it in another language: the `rule` of the alert that
    nobody answers, what is wrong with a `picture`. `evidence` holds ids of envelopes, rows or alerts. `closed_ms` is
    set when `status` is "closed". `suppressed` says why it is to wake nobody (maintenance, a weekly window) and never
    goes with critical; else empty.
    """

    schema_version: Literal[1]
    alert_id: Identifier
    revision: int
    estate_id: Identifier
    zone_id: Identifier
    subject_id: Identifier
    rule: Identifier
    severity: Severity
    status: AlertStatus
    opened_ms: TimeMs
    updated_ms: TimeMs
    closed_ms: TimeMs | None
    explanation: str
    measured: dict[str, float]
    evidence: list[str]
    suppressed: str = ""
    names: dict[str, str] = {}


class Disposition(Struct, frozen=True, kw_only=True, gc=False):
    """What a person said of an alert, or of the `unanswered` one about it, and when.

    The Kafka key is the alert's `zone_id`.
    """

    schema_version: Literal[1]
    disposition_id: Identifier
    alert_id: Identifier
    estate_id: Identifier
    event_ms: TimeMs
    verdict: Verdict
    by: Identifier
    note: str = ""


NotNegative = Annotated[float, Meta(ge=0)]
WeekOfHours = Annotated[list[NotNegative], Meta(min_length=168, max_length=168)]
DayOfHours = Annotated[list[NotNegative], Meta(min_length=24, max_length=24)]


class Baseline(Struct, frozen=True, kw_only=True, gc=False):
    """What is usual: how many persons cross a line in an hour, both ways together (`infra/calendar.py`: which hours).

    In each hour of the week (Monday 00:00 first) and each hour of a public holiday the number is negative binomial with
    this mean and the variance mean + dispersion x mean^2. `version` names the days it was made from, `days` how many
    they were. The Kafka key is `line_id`; the topic is compacted.
    """

    schema_version: Literal[1]
    estate_id: Identifier
    line_id: Identifier
    version: Identifier
    days: Count
    mean: WeekOfHours
    dispersion: WeekOfHours
    holiday_mean: DayOfHours
    holiday_dispersion: DayOfHours


class WebhookChannel(Struct, frozen=True, kw_only=True, tag_field="kind", tag="webhook"):
    """A Standard Webhook to `url`, signed with the secret of that name (`infra/channel_secrets.py`)."""

    url: Annotated[str, Meta(min_length=1, max_length=2000)]
    secret: Identifier


class MailChannel(Struct, frozen=True, kw_only=True, tag_field="kind", tag="mail"):
    """An e-mail to one address, by the SMTP server of the settings."""

    to: Annotated[str, Meta(min_length=3, max_length=254)]


class PushChannel(Struct, frozen=True, kw_only=True, tag_field="kind", tag="push"):
    """A messenger that `apprise` knows (DingTalk, WeCom, Feishu, ntfy ...): its address is the secret of that name."""

    secret: Identifier


class Subscription(Struct, frozen=True, kw_only=True):
    """Who is told of which alerts, and how. The Kafka key is `subscription_id`; the topic is compacted.

    It holds for alerts sent from `since_ms` on; `changed_ms` is when it was last saved. Empty `zones` (a zone means all
    inside it too), `rules` and `severities` mean all. `escalations_only`: `unanswered` alerts only. Without `updates`
    an alert is told when it opens, gets more severe, and closes. `quiet` are weekly hours in the estate's time zone
    ("mon-sun 22:00-06:00"); what comes in them waits for their end, but severities in `urgent` do not. More than
    `digest_above` messages within a minute become one with counts; 0: never. `canary`: the hourly test goes to it too
    where people would see it (mail, messengers); webhooks always get it.
    """

    schema_version: Literal[1]
    subscription_id: Identifier
    estate_id: Identifier
    who: Annotated[str, Meta(min_length=1, max_length=96)]
    channel: WebhookChannel | MailChannel | PushChannel
    since_ms: TimeMs
    changed_ms: TimeMs
    language: Literal["zh", "en"] = "zh"
    zones: list[Identifier] = []
    rules: list[Identifier] = []
    severities: list[Severity] = []
    escalations_only: bool = False
    updates: bool = False
    quiet: list[str] = []
    urgent: list[Severity] = msgspec.field(default_factory=lambda: ["critical"])
    digest_above: Count = 20
    canary: bool = False


MESSAGES: dict[str, type[Struct]] = {
    "envelope": Envelope,
    "gate_passage": GatePassage,
    "headcount": Headcount,
    "occupancy_minute": OccupancyMinute,
    "occupancy_now": OccupancyNow,
    "alert": Alert,
    "disposition": Disposition,
    "baseline": Baseline,
    "subscription": Subscription,
}

encoder = msgspec.json.Encoder()


def envelope_id(envelope: Envelope) -> str:
    """The identity under which an envelope is de-duplicated: camera, boot, zone, seq."""
    return f"{envelope.camera_id}/{envelope.boot_id}/{envelope.zone_id}/{envelope.seq}"


def camera_of(evidence: str) -> str:
    """The camera of an `envelope_id`; of another id, the id itself."""
    return evidence.partition("/")[0]


def derived_id(*cause: str | int) -> str:
    """A deterministic id (32 hex digits) of a derived thing, from what caused it."""
    return hashlib.blake2b("\x1f".join(map(str, cause)).encode(), digest_size=16).hexdigest()
