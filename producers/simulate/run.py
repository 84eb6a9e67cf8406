"""A simulated run: a plan, day after day of life and incidents, into a sink."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from infra.clock import day_bounds_ms
from infra.errors import UserError
from infra.site import Site
from producers.day import Day
from producers.dice import dice
from producers.feed import Feed, Progress, no_progress
from producers.layout import Layout
from producers.produced import Produced
from producers.simulate.faults import Faults
from producers.simulate.incidents import inject
from producers.simulate.life import Life
from producers.simulate.routes import Routes
from producers.simulate.scene import KINDS, Kind, Scene
from producers.simulate.truth import Incident, open_truth
from producers.sink import Sink


@dataclass(frozen=True)
class Plan:
    """What to simulate: local days, seed, faults, and how many incidents of each kind, spread over the days.

    With `register` the persons of the estate and of every building are counted each evening, not quite exactly.
    """

    start: date
    days: int = 1
    seed: int = 7
    faults: Faults = field(default_factory=Faults)
    incidents: Mapping[Kind, int] = field(default_factory=dict)
    register: bool = False

    def kinds_on(self, number: int) -> list[Kind]:
        """The kinds of the incidents on day `number`: they take turns over the days."""
        every = [kind for kind in KINDS for _ in range(self.incidents.get(kind, 0))]
        return every[number :: self.days]


def run(
    site: Site, plan: Plan, sink: Sink, truth_dir: Path | None = None, progress: Progress = no_progress
) -> Produced:
    """Simulate the plan into a sink, the truth into `truth_dir`. Same site, plan and seed: same bytes, same order."""
    layout = Layout(site)
    routes = Routes(layout)
    life = Life(layout, routes, plan.seed)
    incidents: list[Incident] = []
    with open_truth(truth_dir, layout) as truth:
        feed = Feed(
            site,
            f"sim-{plan.start:%Y%m%d}-{plan.seed}",
            days=plan.days,
            seed=plan.seed,
            faults=plan.faults,
            registered=plan.register,
            sink=sink,
            truth=truth,
            progress=progress,
        )
        for number in range(plan.days):
            today = plan.start + timedelta(days=number)
            start_ms, end_ms = day_bounds_ms(today, site.tz)
            quiet = Day(today, start_ms, end_ms, life.day(today))
            random = dice(plan.seed, "incidents", today)
            scene = Scene(layout, routes, life, quiet, feed.occupancy, random)
            day, found = inject(plan.kinds_on(number), scene)
            incidents.extend(found)
            feed.send_day(day)
        return feed.finish(incidents)


def parse_incidents(texts: list[str]) -> dict[Kind, int]:
    """Parse ["intruder:3", "crowd"] into numbers by kind. Raises UserError naming what was not understood."""
    wanted: dict[Kind, int] = {}
    for text in texts:
        name, _, count = text.partition(":")
        kind = next((kind for kind in KINDS if kind == name), None)
        if kind is None or not (count or "1").isdecimal():
            raise UserError(
                f"--incident {text}: not understood", f"give KIND or KIND:COUNT, KIND of {', '.join(KINDS)}"
            )
        wanted[kind] = wanted.get(kind, 0) + int(count or 1)
    return wanted
