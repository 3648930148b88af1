"""Write `prefect.yaml` from the declared stages: `python -m tools.deployments`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pvbesscar.lineage.stages import STAGES

FILE = Path(__file__).resolve().parents[1] / "prefect.yaml"
HEAD = """\
# Deployments of the pipeline and of each stage, for a process work pool; made from the declared stages by
# `python -m tools.deployments`. `pvbesscar up` deploys them, with a server and a worker for one machine; on a server of
# your own:
#   prefect work-pool create pvbesscar --type process
#   prefect --no-prompt deploy --all
#   prefect worker start --pool pvbesscar
name: pvbesscar
prefect-version: 3.8.8

build:
  # No path of one machine belongs in this file: the project is where `prefect deploy` is run.
  - prefect.deployments.steps.run_shell_script:
      id: project
      script: pwd
      stream_output: false

pull:
  - prefect.deployments.steps.set_working_directory:
      directory: "{{ project.stdout }}"

definitions:
  tags: &tags [pvbesscar]
  pool: &pool
    name: pvbesscar
    job_variables:
      env:
        PREFECT_CLIENT_MAX_RETRIES: "10" # SQLite answers 503 under several writers
        DO_NOT_TRACK: "1"
        OMP_NUM_THREADS: "1"
  # A second run of a deployment waits (`pvbesscar up --when-busy refuse` cancels it). Runs of different deployments,
  # and `pvbesscar run` beside them, take turns by the lock in outputs/locks/run.lock.
  one_at_a_time: &one_at_a_time
    limit: 1
    collision_strategy: ENQUEUE
  single: &single
    config: config/iquitos_mall.yaml
    overrides: []
    profile: full
    downstream: false
    force: false

deployments:
  - name: pipeline
    entrypoint: flows/pipeline.py:pipeline
    description: |
      From OE2 files to a published report: ingest, validate, build, certify, train SAC, PPO and A2C, evaluate, publish.
      One run at a time; a second one waits.
    tags: *tags
    parameters:
      config: config/iquitos_mall.yaml
      overrides: []
      profile: full
      sequential: false
      force: false
    work_pool: *pool
    concurrency_limit: *one_at_a_time
    schedules:
      # Nightly, when the plant's day is over. Inactive until somebody switches it on: a run whose inputs are unchanged
      # executes nothing, but whether new data arrives nightly is the site's to know.
      - cron: "0 2 * * *"
        timezone: America/Lima
        active: false
"""
SHADOW = """\
  - name: shadow
    entrypoint: flows/shadow.py:shadow
    description: |
      A controller beside the site: decides the next hour from telemetry, moves nothing, and says what it would have
      saved. Needs `shadow.telemetry`, `shadow.sessions` and a dispatch service (docs/shadow.md).
    tags: *tags
    parameters:
      config: config/iquitos_mall.yaml
      overrides: []
    work_pool: *pool
    concurrency_limit: *one_at_a_time
    schedules:
      # Each hour, when the row of the hour before has come. Inactive until a site has telemetry.
      - cron: "5 * * * *"
        timezone: America/Lima
        active: false
"""


def text() -> str:
    """The file as it must be."""
    return "\n".join([HEAD, *_stages(), SHADOW])


def _stages() -> Iterator[str]:
    for stage in STAGES.values():
        agent = f"\n      <<: *single\n      agent: {stage.agent}" if stage.agent else " *single"
        retried = " Passing faults of a file system are tried again." if stage.many_files else ""
        yield (
            f"  - name: {stage.name}\n"
            f"    entrypoint: flows/stages.py:{stage.group}\n"
            f'    description: "{stage.does}{retried}"\n'
            f"    tags: *tags\n"
            f"    parameters:{agent}\n"
            f"    work_pool: *pool\n"
            f"    concurrency_limit: *one_at_a_time\n"
        )


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
