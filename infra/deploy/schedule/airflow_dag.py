"""An example for Apache Airflow 2.7 or newer, instead of `anfang schedule`: nightly, then retention and its proof.

Put it into the DAGs folder of workers that have `anfang` on their PATH and the ANFANG_* variables in their environment.
`catchup` is off and one run at a time: `--again 7` itself makes up for nights that were missed.
"""

from datetime import timedelta

import pendulum
from airflow import DAG
from airflow.operators.bash import BashOperator

with DAG(
    dag_id="anfang_nightly",
    schedule="15 2 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Shanghai"),
    catchup=False,
    max_active_runs=1,
    default_args={
        "retries": 4,
        "retry_delay": timedelta(minutes=2),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
        "execution_timeout": timedelta(hours=4),
    },
    tags=["anfang"],
) as dag:
    nightly = BashOperator(task_id="nightly", bash_command="anfang nightly --again 7")
    run_retention = BashOperator(task_id="retention_run", bash_command="anfang retention run")
    prove_retention = BashOperator(task_id="retention_prove", bash_command="anfang retention prove")
    nightly >> run_retention >> prove_retention
