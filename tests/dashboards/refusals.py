"""Tries that must be refused, noted by name with the status that each is to be answered with."""

from collections.abc import Callable
from typing import TypeVar

import httpx

S = TypeVar("S")


def noting(
    tries: dict[str, tuple[Callable[[S], httpx.Response], int]],
) -> Callable[[int], Callable[[Callable[[S], httpx.Response]], Callable[[S], httpx.Response]]]:
    """A decorator that notes a try on a stage `S` in `tries`, and how it is to be answered."""

    def refused(status: int) -> Callable[[Callable[[S], httpx.Response]], Callable[[S], httpx.Response]]:
        def note(one: Callable[[S], httpx.Response]) -> Callable[[S], httpx.Response]:
            tries[one.__name__] = one, status
            return one

        return note

    return refused
