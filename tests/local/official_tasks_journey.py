"""Runs inside the environment of an official client of the tasks generation; prints its results as JSON.

Usage: python official_tasks_journey.py BASE_URL KEY WEBHOOK_URL sync|async
"""

import asyncio
import inspect
import json
import sys
from typing import Any

import handinger
from handinger import AsyncHandinger, Handinger
from official_methods import Methods

base_url, key, webhook_url, kind = sys.argv[1:5]
make: Any = AsyncHandinger if kind == "async" else Handinger
TASK = f"tsk_official_{kind}"
SCHEMA = {"properties": {"answer": {"type": "string"}, "length": {"type": "integer"}}}
FORMS = (
    {"type": "scheduled", "date": "2099-01-01T00:00:00Z"},
    {"type": "delayed", "delay_in_seconds": 3600},
    {"type": "cron", "cron": "0 9 * * 1"},
    {"type": "interval", "interval_seconds": 3600},
)
results: dict[str, Any] = {"version": handinger.__version__}


async def done(result: Any) -> Any:
    """The answer of either client."""
    return await result if inspect.isawaitable(result) else result


async def refused(error: Any, call: Any) -> Any:
    try:
        await done(call())
    except error as problem:
        return {"status": problem.status_code, "body": problem.body}
    return None


async def store(workers: Any) -> str:
    """Store a worker with a webhook and return its id."""
    stored = await done(workers.create(prompt="Counts letters", title="Letters", output_schema=SCHEMA))
    results["stored"] = stored.to_dict()
    results["idle"] = (await done(workers.retrieve(stored.id))).to_dict()
    changed = await done(workers.update(stored.id, summary="All letters", instructions="Count them"))
    results["changed"] = changed.to_dict()
    results["email"] = (await done(workers.retrieve_email(stored.id))).email
    webhooks = workers.webhooks
    results["no_webhook"] = (await done(webhooks.retrieve(stored.id))).to_dict()
    first = await done(webhooks.update(stored.id, url=webhook_url))
    renewed = await done(webhooks.regenerate_token(stored.id))
    results["tokens"] = [first.token, renewed.token, (await done(webhooks.retrieve(stored.id))).token]
    return str(stored.id)


async def run_tasks(client: Any, worker: str) -> None:
    tasks, workers = client.tasks, client.workers
    run = await done(tasks.create(input="echo one", worker_id=worker, task_id=TASK, budget="low"))
    results["run"] = run.to_dict()
    results["again"] = (await done(tasks.create(input="report on primes", task_id=TASK))).output_text
    results["task"] = (await done(tasks.retrieve(TASK))).to_dict()
    results["state"] = (await done(workers.retrieve(worker))).output_text
    raw = await done(workers.with_raw_response.retrieve(worker, stream="true"))
    results["replay"] = raw.http_response.text
    posted = await done(tasks.with_raw_response.create(input="echo live", stream=True))
    results["stream"] = posted.http_response.text
    unknown_worker = await done(tasks.create(input="echo without a worker"))
    results["made_up"] = (await done(workers.retrieve(unknown_worker.id))).output_text


async def read_deliveries(webhooks: Any, worker: str) -> None:
    """Wait until both turns are delivered, then remove the webhook."""
    for _ in range(200):
        results["executions"] = (await done(webhooks.list_executions(worker, page=1))).to_dict()
        if results["executions"]["totalCount"] == 2:
            break
        await asyncio.sleep(0.05)
    results["removed"] = (await done(webhooks.delete(worker))).to_dict()


async def schedule(schedules: Any, worker: str) -> None:
    created = [await done(schedules.create(worker, input="x", when=form, budget="low")) for form in FORMS]
    listed = await done(schedules.list(worker))
    results["schedules"] = [one.type for one in created]
    results["listed"] = [one.id for one in listed.schedules] == [one.id for one in created]
    for one in created:
        assert (await done(schedules.cancel(one.id, worker_id=worker))).cancelled
    results["left"] = (await done(schedules.list(worker))).to_dict()


async def journey() -> None:
    # Strict: an answer that differs from the client's declaration raises an exception.
    client = make(base_url=base_url, api_key=key, max_retries=0, _strict_response_validation=True)
    methods = Methods(client)
    workers, tasks = client.workers, client.tasks
    worker = await store(workers)
    await run_tasks(client, worker)
    await read_deliveries(workers.webhooks, worker)
    await schedule(workers.schedules, worker)
    results["archived"] = (await done(tasks.delete(TASK))).archived
    results["deleted"] = (await done(workers.delete(worker))).deleted
    stranger = make(base_url=base_url, api_key="hdg_live_wrong", max_retries=0)
    results["401"] = await refused(handinger.AuthenticationError, lambda: stranger.workers.retrieve(worker))
    results["404"] = await refused(handinger.NotFoundError, lambda: workers.retrieve(worker))
    results["422"] = await refused(handinger.UnprocessableEntityError, lambda: tasks.create(input=""))
    results["methods"] = methods.report()


asyncio.run(journey())
sys.stdout.write(json.dumps(results, default=str) + "\n")
