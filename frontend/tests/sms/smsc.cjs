// An SMSC by the npm package `smpp`, which shares no line with ours. Prints what happens as JSON, one event a line; takes orders
// as JSON from standard input: {"deliver": {...}}, {"data": {...}}, {"unbind": true}, {"enquire": true}, {"raw": "hex"},
// {"status": 88} (submits are refused so from now on; 0 ends that), {"silent": true}.
"use strict";
const smpp = require("smpp");
const readline = require("node:readline");

const say = (event, more) => console.log(JSON.stringify({ event, ...more }));
let session = null;
let refuse = 0;
let silent = false;
let ids = 0;
let done = 0;

const server = smpp.createServer({}, (connected) => {
  connected.on("error", (error) => say("error", { what: String(error.code || error.message) }));
  connected.on("close", () => say("close"));
  connected.on("unknown", (pdu) => connected.send(pdu.response({ command_status: smpp.ESME_RINVCMDID })));
  connected.on("enquire_link", (pdu) => {
    say("enquired");
    connected.send(pdu.response());
  });
  connected.on("unbind", (pdu) => {
    say("unbound");
    connected.send(pdu.response(), () => connected.close());
    connected.close();
  });
  for (const bind of ["bind_transceiver", "bind_transmitter", "bind_receiver"]) {
    connected.on(bind, (pdu) => {
      const known = pdu.system_id === "reef" && pdu.password === "secret";
      say("bind", { bind, version: pdu.interface_version, known });
      connected.send(pdu.response({ command_status: known ? 0 : smpp.ESME_RINVPASWD, system_id: "npm" }));
      if (known && bind !== "bind_transmitter") session = connected;
    });
  }
  connected.on("submit_sm", (pdu) => submitted(connected, pdu));
});

function submitted(connected, pdu) {
  const body = pdu.short_message || {};
  const payload = pdu.message_payload;
  say("submit", {
    to: pdu.destination_addr,
    ton: pdu.dest_addr_ton,
    from: pdu.source_addr,
    esm_class: pdu.esm_class,
    data_coding: pdu.data_coding,
    registered: pdu.registered_delivery,
    validity: pdu.validity_period,
    text: payload ? payload.message || payload : body.message,
    udh: (body.udh || []).map((element) => Buffer.from(element).toString("hex")),
    sar: pdu.sar_total_segments ? [pdu.sar_msg_ref_num, pdu.sar_total_segments, pdu.sar_segment_seqnum] : null,
  });
  if (silent) return;
  ids += 1;
  const message_id = refuse ? "" : `a${ids.toString(16)}`;
  connected.send(pdu.response({ command_status: refuse, message_id }));
}

const orders = {
  deliver: (fields) => session.deliver_sm(decoded(fields), (pdu) => say("delivered", { status: pdu.command_status })),
  data: (fields) => session.data_sm(decoded(fields), (pdu) => say("delivered", { status: pdu.command_status })),
  unbind: () => session.unbind(() => say("unbind answered")),
  enquire: () => session.enquire_link(() => say("enquire answered")),
  raw: (hex) => session.socket.write(Buffer.from(hex, "hex")),
  status: (status) => (refuse = status),
  silent: (value) => (silent = value),
};

// Headers come as hex.
function decoded(fields) {
  const body = fields.short_message;
  if (body && body.udh) body.udh = Buffer.from(body.udh, "hex");
  return fields;
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  for (const [order, value] of Object.entries(JSON.parse(line))) orders[order](value);
  done += 1;
  say("done", { done });
});
server.on("error", (error) => say("error", { what: String(error) }));
server.listen(Number(process.argv[2]), "127.0.0.1", () => say("listening"));
