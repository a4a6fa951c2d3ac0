// A Chromium that tests drive: commands come as lines of JSON on stdin, answers go as lines of JSON to stdout. It ends
// with its stdin.
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const profile = await mkdtemp(`${tmpdir()}/gst-plugin-moq-chromium-`);
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    // In one process, so that the made-up microphone beeps when the made-up camera says so; else each has a beat of its own.
    "--disable-features=AudioServiceOutOfProcess",
    "--enable-features=RunVideoCaptureServiceInBrowserProcess",
    "--auto-select-desktop-capture-source=Entire screen",
    // A name that is not of this machine as far as Chromium knows, so that what browsers demand of others shows.
    "--host-resolver-rules=MAP studio.test 127.0.0.1",
    // An authority of the tests, by the SHA-256 of its key, as if it were one that browsers come with.
    `--ignore-certificate-errors-spki-list=${process.env.TRUSTED_KEY ?? ""}`,
    "--webtransport-developer-mode",
  ],
  ignoreHTTPSErrors: true,
  viewport: { width: 1280, height: 800 },
});
await warmUp();
const pages = new Map();
let count = 0;

/**
 * Uses camera and microphone once, while nothing else goes on. Chromium sometimes never answers the first page that asks which
 * there are, where other pages play on a busy machine.
 */
async function warmUp() {
  const server = createServer((_, answer) => answer.end()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`, { timeout: 20_000 });
  await page.evaluate(async () => {
    await navigator.mediaDevices.enumerateDevices();
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    for (const track of stream.getTracks()) track.stop();
  });
  await page.close();
  server.close();
}

const commands = {
  /** Opens an address in a new page, where `script` runs before anything of the page does. */
  async open({ url, script, width = 1280, height = 800 }) {
    const page = await context.newPage();
    await page.addInitScript(script);
    const number = ++count;
    await page.setViewportSize({ width, height });
    page.on("console", (message) => process.stderr.write(`page ${number}: ${message.text()}\n`));
    page.on("pageerror", (error) => process.stderr.write(`page ${number}: ${error.stack}\n`));
    await page.goto(url, { timeout: 20_000 });
    pages.set(number, page);
    return number;
  },
  async reload({ page }) {
    await pages.get(page).reload({ timeout: 20_000 });
  },
  /** The value of an expression, which may be a promise. It counts as a person's touch, so sound is allowed from then on. */
  evaluate: ({ page, source }) => pages.get(page).evaluate(source),
  /** Waits until an expression is true. */
  async until({ page, source, limit = 30_000 }) {
    // Playwright's own waiting evaluates text in the page, which the page's policy forbids.
    const end = performance.now() + limit;
    while (!(await pages.get(page).evaluate(source))) {
      if (performance.now() > end) throw new Error(`not within ${limit} ms`);
      await new Promise((wake) => setTimeout(wake, 50));
    }
  },
  /** Presses a button as a person does. */
  click: ({ page, selector }) => pages.get(page).click(selector, { timeout: 10_000 }),
  select: ({ page, selector, value }) => pages.get(page).selectOption(selector, value, { timeout: 10_000 }),
  async screenshot({ page, path }) {
    await pages.get(page).screenshot({ path });
  },
  async close({ page }) {
    await pages.get(page).close();
    pages.delete(page);
  },
};

async function obey(line) {
  const { id, command, ...rest } = JSON.parse(line);
  try {
    return { id, value: (await commands[command](rest)) ?? null };
  } catch (error) {
    return { id, error: String(error.message ?? error) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  obey(line).then((answer) => process.stdout.write(`${JSON.stringify(answer)}\n`));
}
await context.close();
await rm(profile, { recursive: true, force: true });
