"""Prosody as Debian has it, with what Reef's users would meet on it: PEP, pubsub, offline messages, acks between servers."""

import os

from server import Server


class Prosody(Server):
    """`bidi` turns XEP-0288 on; `more` are lines of its configuration."""

    PROGRAM = "prosody"

    def __init__(self, *args, bidi=False, sm=True, level="info", more="", **options):
        super().__init__(*args, **options)
        self.bidi, self.sm, self.level, self.more = bidi, sm, level, more

    def command(self):
        path = self.folder / "prosody.cfg.lua"
        path.write_text(self.configuration())
        return ["prosody", "-F", "--config", str(path)], {}

    def configuration(self):
        modules = ["roster", "saslauth", "tls", "disco", "ping", "version", "pep", "blocklist", "register", "offline", "smacks"]
        modules += ["dialback"] if self.dialback else []
        modules += ["s2s_bidi"] if self.bidi else []
        return f"""
run_as_root = {"true" if os.geteuid() == 0 else "false"}
daemonize = false
pidfile = "{self.folder}/prosody.pid"
data_path = "{self.folder}"
log = {{ {self.level} = "{self.folder}/server.log" }}
network_backend = "epoll"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {self.port} }}
s2s_ports = {{ {self.s2s_port} }}
s2s_interfaces = {{ "{self.s2s_host}" }}
s2s_direct_tls_ports = {{ {self.s2s_tls_port or ""} }}
component_ports = {{ {self.component_port} }}
component_interfaces = {{ "127.0.0.1" }}
http_ports = {{ }}
https_ports = {{ }}
-- Nothing but the tests' own server is asked.
unbound = {{
    resolvconf = false, hoststxt = false, forward = {{ "127.0.0.1@{self.dns}" }},
    options = {{ ["do-not-query-localhost:"] = "no", ["cache-max-ttl:"] = "0", ["cache-max-negative-ttl:"] = "0" }},
}}
modules_enabled = {{ {", ".join(f'"{module}"' for module in modules)} }}
modules_disabled = {{ "limits" }}
certificates = "{self.folder}"
-- Only its administrators make nodes on its pubsub service.
admins = {{ "founder@{self.domain}" }}
authentication = "internal_hashed"
allow_registration = true
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
s2s_require_encryption = true
s2s_secure_auth = {"false" if self.dialback else "true"}
smacks_enabled_s2s = {"true" if self.sm else "false"}
pep_max_items = 10000
pubsub_max_items = 10000
ssl = {{ certificate = "{self.cert}", key = "{self.key}", cafile = "{self.ca}" }}
{self.more}
VirtualHost "{self.domain}"
Component "pubsub.{self.domain}" "pubsub"
    default_admin_affiliation = "owner"
    expose_publisher = true
Component "crowd.{self.domain}"
    component_secret = "secret"
    -- A component takes none of the modules above: acks between servers are offered to this one alone.
    modules_enabled = {{ {'"smacks"' if self.sm else ''} }}
"""

    def proofs(self, domain):
        """How `domain` proved itself here, and how we proved ourselves there: what the log says at `debug`."""
        log = self.logs()
        external_in = f"Accepting SASL EXTERNAL identity from {domain}" in log
        external_out = f"Initiating SASL EXTERNAL with {domain}" in log and f"SASL EXTERNAL with {domain} failed" not in log
        ways = {}
        if f"Incoming s2s connection {domain}->{self.domain} complete" in log:
            ways["in"] = "EXTERNAL" if external_in else "dialback"
        if f"Outgoing s2s connection {self.domain}->{domain} complete" in log:
            ways["out"] = "EXTERNAL" if external_out else "dialback"
        return ways
