"""What the occupancy of one zone needs to know of the site and the settings."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from infra.site import Site
from streams.estimate import NIGHT_HOUR, Model


@dataclass(frozen=True)
class ZoneRules:
    """One zone of a site, and for how long its minutes may be corrected."""

    site: Site
    zone_id: str
    grace_ms: int

    @cached_property
    def expected_cameras(self) -> int:
        """How many cameras of the site file report on this zone."""
        return sum(self.zone_id in zones for zones in self.site.camera_zones.values())

    @cached_property
    def recognises(self) -> bool:
        """Whether visitors are known again by a camera of the zone: tokens are told in a camera's home zone."""
        return any(camera.faces is not None and camera.zones[0] == self.zone_id for camera in self.site.cameras)

    @cached_property
    def model(self) -> Model:
        """What the estimate knows of the zone beforehand."""
        limits, zone = self.site.limits, self.site.zone[self.zone_id]
        return Model(limits.crossing_miss_rate, limits.crossing_bias, zone.visible_fraction, zone.capacity)

    def is_ordinary_night(self, minute_ms: int) -> bool:
        """Whether it is the minute in which as many are in the zone as on other nights."""
        local = datetime.fromtimestamp(minute_ms / 1000, self.site.tz)
        return (local.hour, local.minute) == (NIGHT_HOUR, 0) and self.site.zone[self.zone_id].has_homes

    @property
    def silence_ms(self) -> int:
        """After how long without news a camera no longer holds back the watermark."""
        return self.site.limits.camera_silent.timeout_s * 1000
