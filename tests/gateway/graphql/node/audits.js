// Prints the results of graphql-http's server audits against the endpoint in argv: [{ name, status, reason }].
import { serverAudits } from "graphql-http";

const [url, token] = process.argv.slice(2);
const results = [];
for (const audit of serverAudits({
  url,
  fetchFn: (input, init = {}) => fetch(input, { ...init, headers: { Authorization: `Bearer ${token}`, ...init.headers } }),
})) {
  const result = await audit.fn();
  results.push({ name: `${audit.id} ${audit.name}`, status: result.status, reason: result.reason ?? "" });
}
console.log(JSON.stringify(results));
