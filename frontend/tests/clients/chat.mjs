// @xmpp/client over WebSocket: two log in, one speaks, the other hears. Port by
// argument; ends with `ok` or an error.
import { webcrypto } from "node:crypto";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

globalThis.crypto ??= webcrypto;
const require = createRequire(process.env.REEF_CLIENTS + "/npm/package.json");
// A browser has it, and Node from 22 on.
globalThis.WebSocket ??= require("ws");
const { client, xml } = await import(pathToFileURL(require.resolve("@xmpp/client")).href);
const [port] = process.argv.slice(2);

function fail(error) {
  console.error(error);
  process.exit(1);
}
setTimeout(() => fail(new Error("nothing came")), 30000).unref();

async function start(username) {
  const xmpp = client({ service: `ws://127.0.0.1:${port}/ws`, domain: "localhost", username, password: "secret", resource: "web" });
  xmpp.on("error", (error) => fail(error));
  await xmpp.start();
  await xmpp.send(xml("presence"));
  return xmpp;
}

const author = await start("author");
const reader = await start("reader");
const heard = (text) =>
  new Promise((done) => {
    const listen = (stanza) => {
      if (stanza.is("message") && stanza.getChildText("body") === text) {
        reader.off("stanza", listen);
        done();
      }
    };
    reader.on("stanza", listen);
  });
for (const text of ["good night", "parting <&> sorrow", "x".repeat(100_000)]) {
  const came = heard(text);
  await author.send(xml("message", { to: "reader@localhost", type: "chat" }, xml("body", {}, text)));
  await came;
}
await author.stop();
await reader.stop();
console.log("ok");
process.exit(0);
