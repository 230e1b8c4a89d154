// A query, a mutation and a resumed subscription with the real graphql-ws client, against the endpoint in argv.
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [url, token, jobId] = process.argv.slice(2);
const client = createClient({ url, webSocketImpl: WebSocket, connectionParams: { token }, retryAttempts: 5 });

const once = (query, variables) =>
  new Promise((resolve, reject) => {
    let answer;
    client.subscribe({ query, variables }, { next: (value) => (answer = value), error: reject, complete: () => resolve(answer) });
  });

const WATCH = `subscription ($id: ID!, $after: String) {
  jobEvents(jobId: $id, after: $after) { cursor gap events { __typename seq } } }`;

// Takes one batch and leaves; then comes back behind its cursor and stays to the end.
async function watch() {
  const batches = [];
  const first = client.iterate({ query: WATCH, variables: { id: jobId } });
  const { value } = await first.next();
  batches.push(value.data.jobEvents);
  await first.return();
  const rest = client.iterate({ query: WATCH, variables: { id: jobId, after: batches[0].cursor } });
  console.error("resumed");
  for await (const batch of rest) batches.push(batch.data.jobEvents);
  return batches;
}

const queried = await once("{ queues { name } }");
const mutated = await once('mutation { removeApi(input: { name: "absent" }) { __typename } }');
const batches = await watch();
console.log(JSON.stringify({ queried: queried.data, mutated: mutated.data, batches }));
await client.dispose();
