"""A Reef that has peers: as the other suites start it, with names, certificates and ports for other servers."""

from reef import Reef, free_ports
from server import literal, names


class Peer(Reef):
    """`sets` are further `key=value` overrides."""

    SERVICES = ("pubsub", "comments")

    def __init__(self, domain, cert, key, ca, dns, dialback=False, direct=False, sets=()):
        self.domain = domain
        self.s2s_port, tls_port = free_ports(2)
        self.s2s_host = "127.0.0.1"
        if literal(domain):
            self.s2s_host, self.s2s_port = domain, 5269
        self.s2s_tls_port = tls_port if direct else None
        listen_tls = f'["127.0.0.1:{tls_port}"]' if direct else "[]"
        super().__init__(
            f"domain={domain}",
            f'tls.cert="{cert}"',
            f'tls.key="{key}"',
            f'tls.ca="{ca}"',
            f's2s.listen=["{self.s2s_host}:{self.s2s_port}"]',
            f"s2s.listen_tls={listen_tls}",
            f's2s.dns=["127.0.0.1:{dns}"]',
            f"s2s.dialback={str(dialback).lower()}",
            's2s.retry_min="200ms"',
            's2s.retry_max="1s"',
            'http.listen=[]',
            *sets,
        )

    @property
    def domains(self):
        return names(self.domain, self.SERVICES)

    def logs(self):
        return self.logged()
