"""ejabberd as Debian has it, started by `erl` itself: no epmd, no distribution, nothing outside its folder."""

import re
import subprocess
from functools import cache

from server import Server


@cache
def libraries():
    """Where Debian keeps ejabberd and what it is built upon."""
    files = subprocess.run(["dpkg", "-L", "ejabberd"], capture_output=True, text=True, check=True).stdout
    return next(line for line in files.splitlines() if line.endswith("/ebin/ejabberd_app.beam")).rsplit("/", 3)[0]


class Ejabberd(Server):
    """`starttls` may be `optional`; `more` are lines of its configuration."""

    PROGRAM = "ejabberdctl"

    def __init__(self, *args, starttls="required", level="info", more="", **options):
        super().__init__(*args, **options)
        self.starttls, self.level, self.more = starttls, level, more

    def command(self):
        (self.folder / "ejabberd.yml").write_text(self.configuration())
        # Services are looked up by Erlang's own resolver: it is told to ask the tests' server alone, and to keep nothing.
        (self.folder / "inetrc").write_text(
            "{lookup, [dns]}.\n{resolv_conf, \"\"}.\n{hosts_file, \"\"}.\n{cache_size, 0}.\n"
            f"{{nameserver, {{127,0,0,1}}, {self.dns}}}.\n"
        )
        (self.folder / "identity.pem").write_bytes(self.cert.read_bytes() + self.key.read_bytes())
        env = {
            "ERL_LIBS": libraries(),
            "EJABBERD_CONFIG_PATH": str(self.folder / "ejabberd.yml"),
            # It writes there late; what it writes to its standard output is read.
            "EJABBERD_LOG_PATH": str(self.folder / "late.log"),
            "ERL_CRASH_DUMP": "/dev/null",
            "ERL_INETRC": str(self.folder / "inetrc"),
            "HOME": str(self.folder),
        }
        mnesia = f'"{self.folder}/mnesia"'
        return ["erl", "-noinput", "+K", "true", "-mnesia", "dir", mnesia, "-s", "ejabberd"], env

    def configuration(self):
        direct = f"""
  - {{port: {self.s2s_tls_port}, ip: "127.0.0.1", module: ejabberd_s2s_in, tls: true}}""" if self.s2s_tls_port else ""
        return f"""
hosts: ["{self.domain}"]
loglevel: {self.level}
log_rotate_count: 0
default_db: mnesia
auth_method: internal
auth_password_format: scram
registration_timeout: infinity
max_fsm_queue: 1000000
certfiles: ["{self.folder}/identity.pem"]
ca_file: "{self.ca}"
s2s_cafile: "{self.ca}"
s2s_use_starttls: {self.starttls}
s2s_max_retry_delay: 1
s2s_dns_timeout: 5
outgoing_s2s_families: [ipv4]
disable_sasl_mechanisms: ["digest-md5", "X-OAUTH2"]
listen:
  - {{port: {self.port}, ip: "127.0.0.1", module: ejabberd_c2s, starttls: true, access: all, shaper: none, max_stanza_size: 262144}}
  - {{port: {self.s2s_port}, ip: "{self.s2s_host}", module: ejabberd_s2s_in, shaper: none, max_stanza_size: 262144}}{direct}
  - port: {self.component_port}
    ip: "127.0.0.1"
    module: ejabberd_service
    shaper: none
    hosts: {{"crowd.{self.domain}": {{password: "secret"}}}}
access_rules:
  register: {{allow: all}}
api_permissions: {{}}
modules:
  mod_caps: {{}}
  mod_disco: {{}}
  mod_ping: {{}}
  mod_version: {{}}
  mod_roster: {{}}
  mod_blocking: {{}}
  mod_privacy: {{}}
  mod_offline: {{}}
  mod_register: {{access: register, ip_access: all}}
  mod_stream_mgmt: {{}}
{"  mod_s2s_dialback: {}" if self.dialback else ""}
  mod_pubsub:
    host: "pubsub.{self.domain}"
    access_createnode: all
    ignore_pep_from_offline: false
    max_items_node: 10000
    plugins: [flat, pep]
{self.more}
"""

    def proofs(self, domain):
        """How `domain` proved itself here, and how we proved ourselves there: what the log says."""
        said = re.findall(r"Accepted (in|out)bound s2s (\w+) authentication (\S+) -> (\S+)", self.logs())
        pairs = {"in": (domain, self.domain), "out": (self.domain, domain)}
        return {way: how for way, how, *pair in said if tuple(pair) == pairs[way]}
