// A person at the page in a real browser: types the token and executes at once, comes back, watches a job through a cut.
// Arguments: url, token, job, the browser's program, a folder for pictures.
import { chromium } from "playwright-core";

const [url, token, job, executablePath, pictures] = process.argv.slice(2);
// On one line each, and not beginning with a brace: the editor closes braces that it sees typed.
const WATCH = `subscription Watch($after: String) { jobEvents(jobId: "${job}", after: $after) { cursor events { seq __typename } } }`;
const QUERY = "query Queues { queues { name } }";

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const page = await browser.newPage();
const errors = [];
page.on("pageerror", (error) => errors.push(String(error)));
await page.goto(url);

// GraphiQL where it was built, else the small page: where each has its fields.
const explorer = (await page.locator("#explorer").count()) > 0;
const run = explorer ? ".graphiql-execute-button" : "#run";
const answer = page.locator(explorer ? ".result-window" : "#answer");
const field = page.locator("input[type=password]");

async function write(text) {
  await page.click(explorer ? ".graphiql-query-editor .monaco-editor" : "#query");
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText(text);
}
async function says(where, text) {
  try {
    await where.filter({ hasText: text }).waitFor({ timeout: 20000 });
  } catch (error) {
    await page.screenshot({ path: `${pictures}/failed.png` });
    throw error;
  }
}

await page.waitForSelector(run);
await page.waitForLoadState("networkidle");
const begun = (await answer.innerText()).trim();
await write(QUERY);
await field.click();
await page.keyboard.type(token);
await page.click(run);
await says(answer, "queues");
await page.screenshot({ path: `${pictures}/executed.png` });

await page.reload();
await page.waitForSelector(run);
const kept = (await field.inputValue()) === token;
await write(WATCH);
await page.click(run);
await says(answer, "JobStarted");
console.error("watching");
await says(answer, "JobFinished");
await page.screenshot({ path: `${pictures}/watched.png` });
console.log(JSON.stringify({ begun, kept, errors, watched: (await answer.innerText()).replace(/\s/g, "") }));
await browser.close();
