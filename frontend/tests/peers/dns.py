"""A DNS server on a loopback port, for the names of the servers under test. It runs in the tests' own loop.

Knows no XMPP but the names of its services. Prosody (through libunbound), ejabberd (through Erlang's inetrc) and Reef
(`s2s.dns`) ask it, and nothing else. No answer may be kept: what a test changes is seen by the next question.
"""

import asyncio

from dnslib import AAAA, DNSRecord, QTYPE, RCODE, RR, SRV, A


# What services point to: ejabberd asks the C library for addresses, and that knows this name without asking anybody.
TARGET = "localhost"


class Names(asyncio.DatagramProtocol):
    def __init__(self):
        self.services, self.silent = {}, set()
        self.hosts = {TARGET: "127.0.0.1"}
        # What was asked: (name, type), oldest first.
        self.asked = []

    async def start(self):
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self.transport.get_extra_info("sockname")[1]
        return self

    def close(self):
        self.transport.close()

    def host(self, name, address="127.0.0.1"):
        """An address, without services."""
        self.hosts[name] = address

    def serve(self, domain, port, tls_port=None):
        """Servers reach this domain on `port` by STARTTLS, or on `tls_port` by direct TLS (XEP-0368)."""
        if port:
            self.services[f"_xmpp-server._tcp.{domain}"] = (port, TARGET)
        if tls_port:
            self.services[f"_xmpps-server._tcp.{domain}"] = (tls_port, TARGET)

    def refuse(self, domain):
        """The domain says that it has no such service: a target of `.`."""
        for service in ("_xmpp-server", "_xmpps-server"):
            self.services[f"{service}._tcp.{domain}"] = (0, ".")

    def forget(self, domain):
        for key in [key for key in (*self.services, *self.hosts) if key.endswith(f".{domain}")]:
            self.services.pop(key, None)
            self.hosts.pop(key, None)

    def datagram_received(self, data, peer):
        request = DNSRecord.parse(data)
        name, kind = str(request.q.qname).rstrip(".").lower(), QTYPE[request.q.qtype]
        self.asked.append((name, kind))
        if name not in self.silent:
            self.transport.sendto(self.answer(request, name, kind).pack(), peer)

    def answer(self, request, name, kind):
        reply = request.reply(ra=1, aa=1)
        service, address = self.services.get(name), self.hosts.get(name)
        if kind == "SRV" and service:
            port, target = service
            reply.add_answer(RR(request.q.qname, QTYPE.SRV, rdata=SRV(0, 0, port, target), ttl=0))
        elif kind == "A" and address and ":" not in address:
            reply.add_answer(RR(request.q.qname, QTYPE.A, rdata=A(address), ttl=0))
        elif kind == "AAAA" and address and ":" in address:
            reply.add_answer(RR(request.q.qname, QTYPE.AAAA, rdata=AAAA(address), ttl=0))
        elif not self.exists(name):
            reply.header.rcode = RCODE.NXDOMAIN
        return reply

    def exists(self, name):
        """A name is there if it, or one below it, has records (RFC 8020)."""
        return any(known == name or known.endswith(f".{name}") for known in (*self.services, *self.hosts))
