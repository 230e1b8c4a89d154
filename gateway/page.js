// The small page: queries and mutations over HTTP, subscriptions over graphql-transport-ws, which come back after a cut.
"use strict";

const shown = (id) => document.getElementById(id);
const KEPT = 200; // live answers that stay on the page
const LONGEST = 5000; // milliseconds between two attempts to come back
const FORBIDDEN = 4403; // the token is missing or wrong: trying again with the same one is of no use
let stopWatching = () => {};

shown("token").value = sessionStorage.getItem("token") || "";
shown("token").addEventListener("input", (event) => sessionStorage.setItem("token", event.target.value));
const token = () => shown("token").value.trim();

function print(value, append) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  const answer = shown("answer");
  if (!append) answer.replaceChildren();
  const block = document.createElement("div");
  block.textContent = text;
  answer.append(block);
  while (answer.childElementCount > KEPT) answer.firstChild.remove();
  answer.scrollTop = answer.scrollHeight;
}

async function ask(request) {
  const response = await fetch("/graphql", {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token()}` },
    body: JSON.stringify(request),
  });
  print(await response.json(), false);
}

function watch(request) {
  let socket = null;
  let timer = 0;
  let retries = 0;
  const end = () => {
    clearTimeout(timer);
    if (socket) socket.close(1000);
    socket = null;
    shown("stop").disabled = true;
    stopWatching = () => {};
  };
  const next = (answer) => {
    const cursor = Object.values(answer.data || {})[0]?.cursor;
    if (cursor && /\$after\s*:/.test(request.query)) request.variables = { ...request.variables, after: cursor };
    print(answer, true);
  };
  const open = () => {
    const opened = new WebSocket(`${location.origin.replace(/^http/, "ws")}/graphql`, "graphql-transport-ws");
    socket = opened;
    opened.onopen = () => opened.send(JSON.stringify({ type: "connection_init", payload: { token: token() } }));
    opened.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.type === "connection_ack") {
        print(retries ? "connected again" : "watching", true);
        retries = 0;
        opened.send(JSON.stringify({ id: "1", type: "subscribe", payload: request }));
      } else if (message.type === "ping") opened.send('{"type":"pong"}');
      else if (message.type === "next") next(message.payload);
      else if (message.type === "error") {
        print(message.payload, true);
        end();
      } else if (message.type === "complete") {
        print("ended", true);
        end();
      }
    };
    opened.onclose = (event) => {
      if (socket !== opened) return; // somebody stopped it, or it ended
      print(`closed: ${event.code} ${event.reason}`, true);
      if (event.code === FORBIDDEN) return end();
      timer = setTimeout(open, Math.min(LONGEST, 250 * 2 ** retries++));
    };
  };
  print("connecting …", false);
  shown("stop").disabled = false;
  stopWatching = end;
  open();
}

shown("stop").addEventListener("click", () => stopWatching());
shown("run").addEventListener("click", async () => {
  stopWatching();
  try {
    const request = { query: shown("query").value, variables: JSON.parse(shown("variables").value || "{}") };
    if (/(^|[}\s])subscription\b/.test(request.query)) watch(request);
    else await ask(request);
  } catch (error) {
    print(String(error), false);
  }
});
