// The small page: queries and mutations over HTTP, subscriptions over graphql-transport-ws.
"use strict";

const shown = (id) => document.getElementById(id);
const KEPT = 200; // live answers that stay on the page
let socket = null;

shown("token").value = sessionStorage.getItem("token") || "";
shown("token").addEventListener("change", (event) => sessionStorage.setItem("token", event.target.value));

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

function stop() {
  if (socket) socket.close(1000);
  socket = null;
  shown("stop").disabled = true;
}

async function ask(request) {
  const response = await fetch("/graphql", {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${shown("token").value}` },
    body: JSON.stringify(request),
  });
  print(await response.json(), false);
}

function watch(request) {
  print("connecting …", false);
  const opened = new WebSocket(`${location.origin.replace(/^http/, "ws")}/graphql`, "graphql-transport-ws");
  socket = opened;
  shown("stop").disabled = false;
  opened.onopen = () => opened.send(JSON.stringify({ type: "connection_init", payload: { token: shown("token").value } }));
  opened.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.type === "connection_ack") {
      print("watching", true);
      opened.send(JSON.stringify({ id: "1", type: "subscribe", payload: request }));
    } else if (message.type === "ping") opened.send('{"type":"pong"}');
    else if (message.type === "next" || message.type === "error") print(message.payload, true);
    else if (message.type === "complete") stop();
  };
  opened.onclose = (event) => {
    print(`closed: ${event.code} ${event.reason}`, true);
    if (socket === opened) stop();
  };
}

shown("stop").addEventListener("click", stop);
shown("run").addEventListener("click", async () => {
  stop();
  try {
    const request = { query: shown("query").value, variables: JSON.parse(shown("variables").value || "{}") };
    if (/(^|[}\s])subscription\b/.test(request.query)) watch(request);
    else await ask(request);
  } catch (error) {
    print(String(error), false);
  }
});
