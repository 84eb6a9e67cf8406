"""Alerts that are to wake nobody: opened in a maintenance or weekly window of the site file. Pure.

They are computed and published as all others, with the window's reason in `suppressed`, and are never critical. It
goes by when the alert was opened, so that all of its states agree. Work on a camera covers the alerts about it, and
those that it alone bears out: as soon as another camera sees it too, an alert is not suppressed any more.
"""

from datetime import datetime

import msgspec

from infra.events import Alert, camera_of
from infra.site import Site
from infra.windows import Maintenance


def marked(alert: Alert, site: Site) -> Alert:
    """The alert as it is to be published: as it is, or with the reason why it wakes nobody."""
    reason = _reason(alert, site)
    if not reason:
        return alert
    severity = "warning" if alert.severity == "critical" else alert.severity
    return msgspec.structs.replace(alert, suppressed=reason, severity=severity)


def _reason(alert: Alert, site: Site) -> str:
    """Of the first window that covers the alert, maintenance before weekly ones; empty where none does."""
    around = set(site.ancestry(alert.zone_id))
    for work in site.maintenance:
        named = not work.rules or alert.rule in work.rules
        if named and work.covers(alert.opened_ms, site.tz) and (around & set(work.zones) or _rests_on(alert, work)):
            return work.reason
    local = datetime.fromtimestamp(alert.opened_ms / 1000, site.tz)
    for window in site.suppress:
        if alert.rule == window.rule and around & set(window.zones) and site.schedule[window.schedule].covers(local):
            return window.reason
    return ""


def _rests_on(alert: Alert, work: Maintenance) -> bool:
    """Whether the alert is about a camera that is worked on, or all its evidence is from such cameras."""
    return alert.subject_id in work.cameras or {camera_of(one) for one in alert.evidence} <= set(work.cameras)
