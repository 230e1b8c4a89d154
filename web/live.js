// Subscriptions that come back: after a cut they go on behind the last batch that was seen, where they can say what that was.
import { createClient } from "graphql-ws";

export const URL = "/graphql";
const LONGEST = 5000; // milliseconds between two attempts to come back
const NORMAL = 1000; // nothing is watched any more
const FORBIDDEN = 4403; // the token is missing or wrong: trying again with the same one is of no use

export function live(token, tell) {
  const client = createClient({
    url: location.origin.replace(/^http/, "ws") + URL,
    connectionParams: () => ({ token: token() }),
    retryAttempts: Infinity,
    retryWait: (retries) => new Promise((resolve) => setTimeout(resolve, Math.min(LONGEST, 250 * 2 ** retries))),
    shouldRetry: (event) => event.code !== FORBIDDEN, // a connection that is refused has no code, and is tried again
    keepAlive: 15000,
    on: {
      connecting: (isRetry) => isRetry && tell("the connection was lost; trying to come back"),
      connected: (_socket, _payload, wasRetry) => tell(wasRetry ? "connected again" : ""),
      closed: (event) => {
        if (event.code === FORBIDDEN) tell("the token is missing or wrong");
        else if (event.code === NORMAL) tell("");
      },
    },
  });
  return { ...client, subscribe: (payload, sink) => client.subscribe(payload, resuming(payload, sink)) };
}

// The client sends the same payload again when it comes back, so the cursor of the last batch is written into that.
function resuming(payload, sink) {
  const takesCursor = /\$after\s*:/.test(payload.query);
  return {
    ...sink,
    next: (answer) => {
      const cursor = Object.values(answer.data || {})[0]?.cursor;
      if (takesCursor && cursor) payload.variables = { ...payload.variables, after: cursor };
      sink.next(answer);
    },
  };
}
