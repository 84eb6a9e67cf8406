"""What the tests of the API share: the real application on reports that a test puts there, without Kafka."""

from collections.abc import Sequence
from datetime import date

from msgspec import structs

from dashboards.api.keys import Key, new_key
from dashboards.api.shelf import FILES, Report, Result, Status, files_of, new_id
from infra.local.files import private_folder
from tests.dashboards.web.messages import ESTATE
from tests.dashboards.web.stage import Stage

REPORTS = "/api/v1/reports"


class ApiStage(Stage):
    """The stage of the live page, with keys and reports. Nothing is made."""

    def key(
        self,
        scopes: Sequence[str] = ("reports:read", "reports:create"),
        estates: Sequence[str] = (ESTATE,),
        days: int | None = None,
        name: str = "district",
    ) -> tuple[Key, str]:
        key, token = new_key(name, scopes, estates, days, self.clock.now_ms())
        self.keys.add(key)
        return key, token

    def shelved(self, status: Status = "done", estate: str = ESTATE, files: Sequence[str] = ("json", "pdf")) -> Report:
        """A report that lies there as if it had been made; its files are a few bytes."""
        self.clock.advance(1)
        days = date(2024, 3, 1), date(2024, 3, 31)
        now_ms = self.clock.now_ms()
        report = Report(
            id=new_id(now_ms),
            estate=estate,
            first_day=days[0],
            last_day=days[1],
            language="zh",
            indicators="",
            issued=None,
            asked_by="district",
            asked_ms=now_ms,
            status=status,
        )
        self.shelf.put(report)
        if status == "done":
            folder = private_folder(self.shelf.folder(report) / FILES)
            for kind in files:
                (folder / f"{estate}_{days[0]}_{days[1]}.{kind}").write_bytes(f"{kind} of {report.id}".encode())
            result = Result(1351, 87.5, 95.0, 92.1, "优", "ab" * 32, files_of(folder))
            report = structs.replace(report, result=result)
            self.shelf.put(report)
        return report
