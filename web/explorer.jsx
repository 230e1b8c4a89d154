// GraphiQL over this hub's endpoint: the token is asked for once per tab, subscriptions go over graphql-transport-ws.
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { Kind, parse } from "graphql";
import { StrictMode, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";
import { URL, live } from "./live.js";
import "graphiql/style.css";

globalThis.MonacoEnvironment = {
  getWorker: (_, label) => new Worker(`/assets/${["json", "graphql"].includes(label) ? label : "editor"}.worker.js`),
};

const QUERY = `{
  jobs(first: 5) { nodes { step state outcome } }
}
`;
const token = () => sessionStorage.getItem("token") || "";

// The token is read when a request is sent, so that one that was typed just now counts for the click that follows.
const authorized = (url, options) =>
  fetch(url, { ...options, headers: { ...options.headers, ...(token() && { Authorization: `Bearer ${token()}` }) } });

// GraphiQL looks at a text some moments after it was typed: what is executed at once would be taken for what stood there before,
// and a subscription be sent where only queries go.
function asTyped(fetcher) {
  return (params, options) => {
    try {
      const documentAST = parse(params.query);
      const operations = documentAST.definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION);
      const operationName = operations.length === 1 ? operations[0].name?.value : params.operationName;
      return fetcher({ ...params, operationName }, { ...options, documentAST });
    } catch {
      return fetcher(params, options); // it can't be read: the hub says where
    }
  };
}

function Explorer() {
  const [shown, setShown] = useState(token());
  const [state, setState] = useState("");
  const wsClient = useMemo(() => live(token, setState), []);
  // Without a token introspection would be refused, and what it was told be shown until something is executed: so there is none
  // (schema is null). GraphiQL reads the schema when it is handed another fetcher, and keeps the rest.
  const fetcher = useMemo(() => asTyped(createGraphiQLFetcher({ url: URL, fetch: authorized, wsClient })), [shown]);
  const keep = (event) => sessionStorage.setItem("token", event.target.value.trim());
  const leave = (event) => event.key === "Enter" && event.target.blur();
  return (
    <div className="explorer">
      <label>
        Token{" "}
        <input type="password" autoComplete="off" defaultValue={shown} onChange={keep} onBlur={() => setShown(token())} onKeyDown={leave} />
        {!shown && " what LEAT_TOKEN sets, else in the file token of the hub's data folder"}
        {state && <span role="status"> {state}</span>}
      </label>
      <GraphiQL fetcher={fetcher} schema={shown ? undefined : null} defaultQuery={QUERY} plugins={[HISTORY_PLUGIN]} />
    </div>
  );
}

createRoot(document.getElementById("explorer")).render(
  <StrictMode>
    <Explorer />
  </StrictMode>,
);
