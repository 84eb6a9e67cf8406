"""Errors meant for people: what is wrong, where, and what to do about it.

The console command prints a `UserError` as two lines and exits with 1; anything else is a defect and keeps
its traceback.
"""


class UserError(Exception):
    """Something the user can put right.

    `problem` names the file, line, field, value or address; `remedy` is what to do, as an imperative.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}\n  do: {remedy}")
        self.problem = problem
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        """How another process is told: by what it is made of, as kinds of it are made in other ways."""
        return _again, (type(self), *self.args), self.__dict__


def _again(kind: type[UserError], *args: object) -> UserError:
    return kind.__new__(kind, *args)
