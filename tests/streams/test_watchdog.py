"""When a worker is ended: it slept past its session timeout, or it has more to take and commits nothing."""

from infra.lag import Place
from streams.watchdog import ASK_EVERY_S, STUCK_S, Watchdog

PLAZA: Place = ("detections", 0)
HALL: Place = ("detections", 1)


class _World:
    """A clock, what there is to take, and the reasons given for stopping."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.behind: dict[Place, int] = {}
        self.reasons: list[str] = []
        self.asked_s = self.now_s
        self.asking_takes_s = 0.0
        self.dog = Watchdog(self._told, self.reasons.append, 15.0, lambda: self.now_s)

    def _told(self) -> dict[Place, int]:
        self.now_s += self.asking_takes_s
        return self.behind

    def look_on(self, for_s: float, step_s: float = 1.0) -> None:
        until_s = self.now_s + for_s
        while self.now_s < until_s:
            self.now_s += step_s
            self.dog.look()
            if self.now_s - self.asked_s >= ASK_EVERY_S:
                self.asked_s = self.now_s
                self.dog.ask()


def test_a_worker_that_slept_past_its_session_timeout_ends() -> None:
    world = _World()
    world.look_on(60)
    assert not world.reasons
    world.now_s += 15.5
    world.dog.look()
    assert world.reasons == ["asleep for 16 s, longer than the session timeout: others have the partitions now"]


def test_a_sleep_while_kafka_is_asked_is_seen_too() -> None:
    world = _World()
    world.look_on(5)
    world.asking_takes_s = 20.0
    world.dog.ask()
    assert not world.reasons
    world.dog.look()
    assert world.reasons == ["asleep for 20 s, longer than the session timeout: others have the partitions now"]


def test_a_nap_within_the_session_timeout_is_nothing() -> None:
    world = _World()
    world.look_on(140, step_s=14)
    assert not world.reasons


def test_a_partition_that_stands_still_though_others_move_ends_it() -> None:
    world = _World()
    for offset in range(int(STUCK_S) + 3 * int(ASK_EVERY_S)):
        world.behind = {PLAZA: 7, HALL: offset}
        world.look_on(1)
    assert world.reasons[0] == f"behind, and nothing committed for {STUCK_S:.0f} s: detections[0] stands at 7"


def test_commits_or_nothing_to_take_are_no_standstill() -> None:
    world = _World()
    for offset in range(20):
        world.behind = {PLAZA: offset}
        world.look_on(STUCK_S - 2 * ASK_EVERY_S)
    world.behind = {}
    world.look_on(5 * STUCK_S)
    world.behind = {PLAZA: 20}
    world.look_on(STUCK_S)
    assert not world.reasons
