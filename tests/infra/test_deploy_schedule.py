"""The examples for Kubernetes and Airflow: well-formed, and what they call are commands and options of ours."""

import ast
import py_compile
import shlex
from pathlib import Path

import msgspec
import pytest
import yaml
from apscheduler.triggers.cron import CronTrigger

from tests.acceptance.test_commands import ROOT, _resolve

SCHEDULE = ROOT / "infra/deploy/schedule"
CRONJOBS = list(yaml.safe_load_all((SCHEDULE / "cronjobs.yaml").read_text(encoding="utf-8")))
DAG = SCHEDULE / "airflow_dag.py"


def known(words: list[str]) -> bool:
    """Whether these words are a command with options that it has."""
    command, rest = _resolve(list(words))
    options = {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}
    return all(word in options for word in rest if word.startswith("--"))


@pytest.mark.parametrize("job", CRONJOBS, ids=lambda job: str(job["metadata"]["name"]))
def test_a_cron_job_is_whole(job: dict[str, object]) -> None:
    assert job["apiVersion"] == "batch/v1"
    assert job["kind"] == "CronJob"
    spec = msgspec.convert(job["spec"], dict[str, object])
    assert set(spec) <= {
        "schedule",
        "timeZone",
        "concurrencyPolicy",
        "startingDeadlineSeconds",
        "successfulJobsHistoryLimit",
        "failedJobsHistoryLimit",
        "jobTemplate",
    }
    assert spec["concurrencyPolicy"] == "Forbid"
    CronTrigger.from_crontab(spec["schedule"], spec["timeZone"])
    pod = yaml.safe_load(yaml.safe_dump(spec["jobTemplate"]))["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    assert pod["securityContext"]["runAsNonRoot"] is True
    volumes = {volume["name"] for volume in pod["volumes"]}
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        assert known(container["args"])
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert not any("PASSWORD" in variable["name"] for variable in container["env"])


def test_the_dag_compiles_and_calls_commands_of_ours(tmp_path: Path) -> None:
    py_compile.compile(str(DAG), cfile=str(tmp_path / "dag.pyc"), doraise=True)
    calls = [node for node in ast.walk(ast.parse(DAG.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    commands = [
        str(keyword.value.value)
        for call in calls
        for keyword in call.keywords
        if keyword.arg == "bash_command" and isinstance(keyword.value, ast.Constant)
    ]
    assert len(commands) == 3
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "anfang"
        assert known(words)


def test_an_unknown_option_would_be_seen() -> None:
    assert known(["nightly", "--again", "7"])
    assert not known(["nightly", "--agian", "7"])
