// Converse.js in headless Chromium: juliet over WebSocket and romeo over BOSH. They log in, see each other come, chat, and find
// their history after a fresh login. Port of HTTP and the screenshot's path by argument; ends with `ok` or an error.
import { createServer } from "node:http";
import { createReadStream, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, join } from "node:path";

const require = createRequire(process.env.REEF_CLIENTS + "/npm/package.json");
const puppeteer = require("puppeteer-core");
const dist = join(process.env.REEF_CLIENTS, "npm/node_modules/converse.js/dist");
const [port, screenshot] = process.argv.slice(2);
const PATIENCE = { timeout: 30_000 };

const page = (settings) => `<!doctype html><meta charset="utf-8"><title>Converse</title>
<link rel="stylesheet" href="/dist/converse.min.css">
<body class="converse-fullscreen"><script type="module">
import converse from "/dist/converse.min.js";
converse.plugins.add("watch", { initialize() { window.inside = this._converse; } });
converse.initialize(${JSON.stringify(settings)});
</script>`;

const TYPES = { ".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".wasm": "application/wasm" };
const site = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://site");
  if (pathname === "/") {
    response.setHeader("content-type", "text/html");
    return response.end(page(JSON.parse(searchParams.get("settings"))));
  }
  const file = join(dist, pathname.replace(/^\/dist/, ""));
  if (!file.startsWith(dist) || !existsSync(file)) {
    response.statusCode = 404;
    return response.end();
  }
  response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
  createReadStream(file).pipe(response);
});
await new Promise((done) => site.listen(0, "127.0.0.1", done));

const ways = {
  websocket: { websocket_url: `ws://127.0.0.1:${port}/ws` },
  bosh: { bosh_service_url: `http://127.0.0.1:${port}/bosh` },
};
const browser = await puppeteer.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});

// A browser profile of its own for each login, so that nothing is there but what the server tells.
async function login(name, way) {
  const settings = {
    jid: `${name}@localhost/converse`, password: "secret", authentication: "login", auto_login: true, view_mode: "fullscreen",
    assets_path: "/dist/", allow_non_roster_messaging: true, discover_connection_methods: false, persistent_store: "none",
    message_archiving: "always", whitelisted_plugins: ["watch"], show_client_info: false, enable_smacks: true, ...ways[way],
  };
  const context = await browser.createBrowserContext();
  const tab = await context.newPage();
  tab.on("pageerror", (error) => console.error(name, way, error.message));
  const { port: own } = site.address();
  await tab.goto(`http://127.0.0.1:${own}/?settings=${encodeURIComponent(JSON.stringify(settings))}`);
  await tab.waitForFunction(() => window.inside?.api?.connection?.connected?.(), PATIENCE);
  return tab;
}

async function open(tab, other) {
  await tab.evaluate((jid) => window.inside.api.chats.open(jid, {}, true).then(() => null), `${other}@localhost`);
  await tab.waitForSelector("converse-chat textarea.chat-textarea", PATIENCE);
}

const shows = (tab, text) =>
  tab.waitForFunction((text) => [...document.querySelectorAll(".chat-msg__text")].some((m) => m.innerText.includes(text)), PATIENCE, text);

async function say(tab, text) {
  await tab.type("converse-chat textarea.chat-textarea", text);
  await tab.keyboard.press("Enter");
}

async function sees(tab, other, show) {
  const seen = (jid, show) => window.inside.roster?.get(jid)?.getStatus?.() === show
    || window.inside.state?.roster?.get(jid)?.presence?.getStatus?.() === show
    || window.inside.state?.roster?.get(jid)?.presence?.get("show") === show;
  await tab.waitForFunction(seen, PATIENCE, `${other}@localhost`, show);
}

setTimeout(() => { console.error("it takes too long"); process.exit(1); }, 150_000).unref();
try {
  const juliet = await login("juliet", "websocket");
  const romeo = await login("romeo", "bosh");
  await sees(juliet, "romeo", "online");
  await sees(romeo, "juliet", "online");
  await open(juliet, "romeo");
  await open(romeo, "juliet");
  await say(juliet, "Wherefore art thou Romeo?");
  await shows(romeo, "Wherefore art thou Romeo?");
  await say(romeo, "Shall I hear more?");
  await shows(juliet, "Shall I hear more?");
  await juliet.screenshot({ path: screenshot });
  // Whoever closes the tab without a word is away once his stream is known to be lost; who logs out, at once.
  await romeo.evaluate(() => window.inside.api.user.logout().then(() => null)).catch(() => null);
  await sees(juliet, "romeo", "offline");
  for (const way of ["bosh", "websocket"]) {
    const again = await login("romeo", way);
    await open(again, "juliet");
    await shows(again, "Wherefore art thou Romeo?");
    await shows(again, "Shall I hear more?");
    await again.browserContext().close();
  }
  console.log("ok");
} catch (error) {
  console.error(error);
  const tabs = await browser.pages();
  await Promise.all(tabs.map((tab, n) => tab.screenshot({ path: screenshot.replace(/\.png$/, `-failed-${n}.png`) }).catch(() => null)));
  process.exitCode = 1;
} finally {
  await browser.close();
  site.close();
}
