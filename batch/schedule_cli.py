"""The command `anfang schedule`."""

from typing import Annotated

import typer

from infra.configured import SiteOption, configured
from infra.errors import UserError

Once = Annotated[bool, typer.Option("--once", help="run what is due now, and end")]
MetricsPort = Annotated[int | None, typer.Option("--metrics-port", help="serve metrics on 127.0.0.1 at this port")]


def schedule(once: Once = False, site: SiteOption = None, metrics_port: MetricsPort = None) -> None:
    """Run the nightly, retention and the weekly trends page at their times on this machine, until it is stopped.

    What was missed is caught up at the start; what fails is tried again. It ends with 1 where a job's last run failed.

    Example: anfang schedule --metrics-port 9104
    """
    import signal
    from datetime import UTC, datetime
    from functools import partial

    from apscheduler.schedulers.blocking import BlockingScheduler

    from batch.schedule import Schedule, arm, jobs
    from infra.metrics import serve

    settings, estate = configured(site)
    now = partial(datetime.now, UTC)
    planned = Schedule(settings, estate, jobs(settings, (site or settings.site).absolute()))
    if metrics_port:
        serve(metrics_port)
    if once:
        for job in planned.due(now()):
            planned.perform(job, now)
    else:
        scheduler = BlockingScheduler(timezone=planned.timezone)
        arm(scheduler, planned, now)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: scheduler.shutdown(wait=False))
        scheduler.start()
    if planned.failing:
        raise UserError(
            f"failed: {', '.join(f'{name} ({number} times)' for name, number in planned.failing.items())}",
            "read the lines above, mend the cause, and run `anfang schedule` again: it catches up",
        )
