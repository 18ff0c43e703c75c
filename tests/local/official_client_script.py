"""Run by the interpreter that has the vendor's client: uses all of it, prints what came as JSON."""

# mypy: ignore-errors
# The client is not installed where this project is checked: it lives in an environment of its own.

import contextlib
import json
import sys

import handinger


def finished(client, worker_id):
    """Look until the worker is idle; the answer of a stream request is a wait for that."""
    client.workers.with_raw_response.retrieve(worker_id, extra_query={"stream": "true"}).http_response.read()
    return client.workers.retrieve(worker_id)


def refusal(call):
    try:
        call()
    except handinger.APIStatusError as error:
        return [type(error).__name__, error.status_code]
    return None


def streamed_count(client, worker_id):
    """Count the events of a replay; only the first client can. It has no word for the end mark."""
    if not hasattr(client.workers, "stream_updates"):
        return None
    count = 0
    with contextlib.suppress(json.JSONDecodeError), client.workers.stream_updates(worker_id) as stream:
        for _ in stream:
            count += 1
    return count


def main(base_url, api_key):
    client = handinger.Handinger(api_key=api_key, base_url=base_url, _strict_response_validation=True)
    workers = client.workers
    created = workers.create(input="report on primes", budget="high")
    done = finished(client, created.id)
    cited = workers.continue_(created.id, input="sources about csv")
    cited = finished(client, cited.id)
    workers.continue_(created.id, input="echo again")
    again = finished(client, created.id)
    schedule = workers.schedules.create(
        created.id, input="x", when={"type": "delayed", "delay_in_seconds": 60}
    )
    listed = workers.schedules.list(created.id)
    cancelled = workers.schedules.cancel(schedule.id, worker_id=created.id)
    file = None
    if hasattr(workers, "retrieve_file"):
        file = workers.retrieve_file("charts/chart.png", worker_id=created.id).read()[1:4].decode()
    raw = workers.with_raw_response.create(input="echo hello", stream=True).http_response
    # The client's type for an event is a string; checked strictly it refuses every JSON object.
    loose = handinger.Handinger(api_key=api_key, base_url=base_url)
    stranger = handinger.Handinger(api_key="hdg_live_wrong", base_url=base_url)
    return {
        "created_id": created.id,
        "created_running": created.running,
        "finished": [done.status, done.output_text.splitlines()[0].lstrip("# ")],
        "sources": all(source.url.startswith("https://") for source in cited.sources) and bool(cited.sources),
        "cost_is_positive": getattr(done.usage, "cost_usd", None) is None or done.usage.cost_usd > 0,
        "continued": again.output_text,
        "email": workers.retrieve_email(created.id),
        "schedule": [schedule.type, schedule.delay_in_seconds, len(listed.schedules)],
        "cancelled": cancelled.cancelled,
        "file": file,
        "streamed_messages": streamed_count(loose, created.id),
        "streamed_text": '"text-delta"' in raw.read().decode(),
        "refusals": {
            "unknown worker": refusal(lambda: workers.retrieve("nobody")),
            "unknown worker continued": refusal(lambda: workers.continue_("nobody", input="x")),
            "empty input": refusal(lambda: workers.create(input="")),
            "wrong key": refusal(lambda: stranger.workers.retrieve(created.id)),
            "unknown schedule": refusal(lambda: workers.schedules.cancel("sch_no", worker_id=created.id)),
        },
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:3])))
