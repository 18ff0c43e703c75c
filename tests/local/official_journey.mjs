// Runs in a folder with the official npm client; prints what it saw as one JSON object.
//
// Usage: node official_journey.mjs BASE_URL KEY WEBHOOK_URL
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.cwd(), "here.js"));
const { default: Handinger, toFile } = require("@ramensoft/handinger");
const [baseURL, apiKey, webhookUrl] = process.argv.slice(2);
const client = new Handinger({ baseURL, apiKey, maxRetries: 0 });
const seen = { version: JSON.parse(readFileSync("node_modules/@ramensoft/handinger/package.json")).version };

// Note every method of every resource when it is called.
const existing = [];
const called = new Set();
function watch(path, resource) {
  const proto = Object.getPrototypeOf(resource);
  for (const name of Object.getOwnPropertyNames(proto)) {
    if (name === "constructor") continue;
    const method = resource[name].bind(resource);
    existing.push(`${path}.${name}`);
    resource[name] = (...args) => {
      called.add(`${path}.${name}`);
      return method(...args);
    };
  }
  for (const [name, value] of Object.entries(resource)) {
    if (name !== "_client" && value && typeof value === "object") watch(`${path}.${name}`, value);
  }
}
watch("workers", client.workers);
watch("tasks", client.tasks);

async function refused(call) {
  try {
    await call();
    return null;
  } catch (error) {
    return { kind: error.constructor.name, status: error.status, body: error.error };
  }
}

const { workers, tasks } = client;
const outputSchema = { properties: { answer: { type: "string" }, length: { type: "integer" } } };
seen.stored = await workers.create({ prompt: "Counts letters", title: "Letters", outputSchema });
const id = seen.stored.id;
seen.idle = await workers.retrieve(id);
seen.changed = await workers.update(id, { summary: "All letters", instructions: "Count them" });
seen.email = (await workers.retrieveEmail(id)).email;

const { webhooks } = workers;
seen.no_webhook = await webhooks.retrieve(id);
const first = await webhooks.update(id, { url: webhookUrl });
const renewed = await webhooks.regenerateToken(id);
seen.tokens = [first.token, renewed.token, (await webhooks.retrieve(id)).token];

const taskId = "tsk_official_npm";
seen.run = await tasks.create({ input: "echo one", workerId: id, taskId, budget: "low" });
seen.again = (await tasks.create({ input: "report on primes", taskId })).output_text;
seen.task = await tasks.retrieve(taskId);
seen.turns = await tasks.listTurns(taskId);
seen.state = (await workers.retrieve(id, { taskId })).output_text;
const attached = await toFile(Buffer.from("a,b\n1,2\n"), "data.csv");
seen.described = (await tasks.create({ input: "describe data.csv", files: attached })).output_text;
seen.listed_files = (await tasks.create({ input: "describe data.csv", files: [attached] })).output_text;
const madeUp = await tasks.create({ input: "echo without a worker" });
seen.made_up = (await workers.retrieve(madeUp.id)).output_text;

for (let round = 0; round < 200; round += 1) {
  seen.executions = await webhooks.listExecutions(id, { page: 1 });
  if (seen.executions.totalCount === 2) break;
  await new Promise((resume) => setTimeout(resume, 50));
}
seen.removed = await webhooks.delete(id);

const { schedules } = workers;
const forms = [
  { type: "scheduled", date: "2099-01-01T00:00:00Z" },
  { type: "delayed", delayInSeconds: 3600 },
  { type: "cron", cron: "0 9 * * 1" },
  { type: "interval", intervalSeconds: 3600 },
];
const made = [];
for (const when of forms) made.push(await schedules.create(id, { input: "x", when, budget: "low" }));
const listed = await schedules.list(id);
seen.schedules = made.map((one) => one.type);
seen.listed = JSON.stringify(listed.schedules.map((one) => one.id)) === JSON.stringify(made.map((one) => one.id));
for (const one of made) await schedules.cancel(one.id, { workerId: id });
seen.left = await schedules.list(id);

seen.archived = (await tasks.delete(taskId)).archived;
seen.deleted = (await workers.delete(id)).deleted;
const stranger = new Handinger({ baseURL, apiKey: "hdg_live_wrong", maxRetries: 0 });
seen["401"] = await refused(() => stranger.workers.retrieve(id));
seen["404"] = await refused(() => workers.retrieve(id));
seen["422"] = await refused(() => tasks.create({ input: "" }));
seen.methods = { existing, missing: existing.filter((name) => !called.has(name)) };
console.log(JSON.stringify(seen));
