"""Runs inside the official client's own environment; prints its results as one JSON object.

Usage: python official_journey.py BASE_URL KEY
"""

import json
import sys
import time
from typing import Any

import handinger
from handinger import Handinger
from official_methods import Methods

base_url, key = sys.argv[1:3]
client = Handinger(base_url=base_url, api_key=key, max_retries=0)
methods = Methods(client)
old = hasattr(client.workers, "stream_updates")
results = {"version": handinger.__version__}


def finished(worker_id: str) -> Any:
    """Poll as the documentation describes, with a deadline."""
    deadline = time.monotonic() + 30
    while True:
        worker = client.workers.retrieve(worker_id)
        if not worker.running:
            return worker
        assert time.monotonic() < deadline, "the worker never finished"
        time.sleep(0.05)


def refused(error: Any, call: Any) -> Any:
    try:
        call()
    except error as problem:
        return {"status": problem.status_code, "body": problem.body}
    return None


created = client.workers.create(input="report on primes", budget="high")
done = finished(created.id)
results["created"] = {"id": created.id, "object": created.object, "text": done.output_text}
results["files"] = [file.filename for file in done.files]
results["usage"] = done.usage.credits
results["costs"] = getattr(done, "costs", None) is not None

continued = client.workers.continue_(created.id, input="cite sources")
after = finished(created.id)
results["continued"] = {"id": continued.id, "text": after.output_text, "messages": len(after.messages)}
results["sources"] = [source.url for source in after.sources]

if old:
    results["stream"] = [
        event if isinstance(event, dict) else dict(event)
        for event in client.workers.stream_updates(created.id)
    ]
    content = client.workers.retrieve_file(done.files[0].filename, worker_id=created.id)
    results["file_bytes"] = len(content.read())
    raw = client.workers.with_raw_response.retrieve(created.id, stream=True)
else:
    raw = client.workers.with_raw_response.retrieve(created.id, stream="true")
results["raw_stream"] = raw.text() if callable(raw.text) else raw.text
posted = client.workers.with_raw_response.continue_(created.id, input="echo hello there", stream=True)
results["posted_stream"] = posted.text() if callable(posted.text) else posted.text

results["email"] = client.workers.retrieve_email(created.id)

scheduled = client.workers.schedules.create(
    created.id, input="cite sources", when={"type": "interval", "interval_seconds": 3600}
)
listed = client.workers.schedules.list(created.id)
cancelled = client.workers.schedules.cancel(scheduled.id, worker_id=created.id)
results["schedules"] = {
    "made": scheduled.type,
    "listed": [schedule.id for schedule in listed.schedules] == [scheduled.id],
    "cancelled": cancelled.cancelled,
    "left": len(client.workers.schedules.list(created.id).schedules),
}

stranger = Handinger(base_url=base_url, api_key="hdg_live_wrong", max_retries=0)
results["401"] = refused(handinger.AuthenticationError, lambda: stranger.workers.retrieve(created.id))
results["404"] = refused(handinger.NotFoundError, lambda: client.workers.retrieve("nobody"))
results["422"] = refused(handinger.UnprocessableEntityError, lambda: client.workers.create(input=""))
results["methods"] = methods.report()
sys.stdout.write(json.dumps(results, default=str) + "\n")
