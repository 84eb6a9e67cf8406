"""A UserError comes out of another process as it was, of whatever kind."""

import pickle

import pytest

from infra.errors import UserError
from infra.subscribing import NotSubscribedError
from warehouse.ledger_files import MistakesError

ERRORS = (UserError("a.yaml:3: x", "mend it"), NotSubscribedError(["zone: 9"]), MistakesError("a.csv", []))


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_it_survives_the_way_between_processes(error: UserError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), vars(again)) == (str(error), vars(error))
