// GraphiQL over this hub's endpoint: the token is asked for once per tab, subscriptions go over graphql-transport-ws.
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { createClient } from "graphql-ws";
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import "graphiql/style.css";

globalThis.MonacoEnvironment = {
  getWorker: (_, label) => new Worker(`/assets/${["json", "graphql"].includes(label) ? label : "editor"}.worker.js`),
};

const QUERY = `{
  jobs(first: 5) { nodes { step state outcome } }
}
`;
const token = () => sessionStorage.getItem("token") || "";

// Without a token introspection is refused, so the explorer begins again when one is given.
function fetcherOf(shown) {
  const url = "/graphql";
  return createGraphiQLFetcher({
    url,
    headers: shown ? { Authorization: `Bearer ${shown}` } : {},
    wsClient: createClient({
      url: location.origin.replace(/^http/, "ws") + url,
      connectionParams: () => ({ token: token() }),
    }),
  });
}

function Explorer() {
  const [shown, setShown] = useState(token());
  const change = (event) => {
    sessionStorage.setItem("token", event.target.value);
    setShown(event.target.value);
  };
  const leave = (event) => event.key === "Enter" && event.target.blur();
  return (
    <div className="explorer">
      <label>
        Token <input type="password" autoComplete="off" defaultValue={shown} onBlur={change} onKeyDown={leave} />
        {!shown && " what LEAT_TOKEN sets, else in the file token of the hub's data folder"}
      </label>
      <GraphiQL key={shown} fetcher={fetcherOf(shown)} initialQuery={QUERY} plugins={[HISTORY_PLUGIN]} />
    </div>
  );
}

createRoot(document.getElementById("explorer")).render(
  <StrictMode>
    <Explorer />
  </StrictMode>,
);
