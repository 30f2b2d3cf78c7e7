// @xmpp/client: STARTTLS and direct TLS, SCRAM, bind, publish, receive. Ports by argument; ends with `ok` or an error.
import { webcrypto } from "node:crypto";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// Debian's Node 18 has it, but not where @xmpp/client looks for it.
globalThis.crypto ??= webcrypto;
// It lies outside this folder, and is an ES module, which Debian's Node 18 cannot `require`.
const { resolve } = createRequire(process.env.REEF_CLIENTS + "/npm/package.json");
const { client, xml } = await import(pathToFileURL(resolve("@xmpp/client")).href);
const [starttls, direct] = process.argv.slice(2);
const BLOG = "urn:xmpp:microblog:0";
const PUBSUB = "http://jabber.org/protocol/pubsub";

function start(service, username) {
  const xmpp = client({ service, domain: "localhost", username, password: "secret", resource: "node" });
  xmpp.on("error", (error) => fail(error));
  return xmpp.start().then((jid) => ({ xmpp, jid: jid.toString() }));
}

function fail(error) {
  console.error(error);
  process.exit(1);
}

setTimeout(() => fail(new Error("nothing came")), 20000).unref();

const author = await start(`xmpp://127.0.0.1:${starttls}`, "author");
const reader = await start(`xmpps://127.0.0.1:${direct}`, "reader");
// It logs in by SASL2 and Bind 2, where its resource is only a tag.
if (!author.jid.startsWith("author@localhost/node/")) fail(new Error(author.jid));

const publish = (id) =>
  author.xmpp.iqCaller.set(
    xml("pubsub", { xmlns: PUBSUB },
      xml("publish", { node: BLOG },
        xml("item", { id },
          xml("entry", { xmlns: "http://www.w3.org/2005/Atom" },
            xml("title", {}, "hello <&>"), xml("id", {}, `tag:${id}`), xml("updated", {}, "2024-01-01T00:00:00Z"))))),
  );

await publish("1");
await reader.xmpp.send(xml("presence"));
await reader.xmpp.iqCaller.set(
  xml("pubsub", { xmlns: PUBSUB }, xml("subscribe", { node: BLOG, jid: "reader@localhost" })),
  "author@localhost",
);
const came = new Promise((resolve) =>
  reader.xmpp.on("stanza", (stanza) => {
    const item = stanza.getChild("event")?.getChild("items")?.getChild("item");
    if (item) resolve([item.attrs.id, item.getChild("entry").getChildText("title"), stanza.attrs.from]);
  }),
);
const reply = await publish("2");
if (reply.getChild("publish").getChild("item").attrs.id !== "2") fail(new Error(reply.toString()));
const found = (await came).join(" ");
if (found !== "2 hello <&> author@localhost") fail(new Error(found));
await author.xmpp.stop();
await reader.xmpp.stop();
console.log("ok");
process.exit(0);
