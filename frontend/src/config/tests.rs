//! Configurations as operators write them, good and bad.

use std::io::Write;
use std::time::Duration;

use super::*;

fn load(file: &str, sets: &[&str], env: &[(&str, &str)]) -> Result<Config, String> {
    let mut written = tempfile::NamedTempFile::new().unwrap();
    written.write_all(file.as_bytes()).unwrap();
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let env = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let path = written.path();
    let named = |error: ConfigError| error.to_string().replace(&path.display().to_string(), "reef.toml");
    Config::load(Some(path), &sets, env).map_err(named)
}

fn addresses(list: &[std::net::SocketAddr]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

#[test]
fn an_empty_file_serves_localhost() {
    let config = load("", &[], &[]).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.domain, "localhost");
    assert_eq!(addresses(&config.c2s.listen), ["127.0.0.1:5222"]);
    assert_eq!(config, Config::load(None, &[], std::iter::empty()).unwrap());
}

#[test]
fn the_file_of_the_contract_is_accepted() {
    let file = r#"
        domain = "Example.ORG"
        data_dir = "/var/lib/reef"
        [c2s]
        listen = ["0.0.0.0:5222", "[::]:5222"]
        handshake_timeout = "10s"
        registration = "open"
        [s2s]
        dns = []
        retry_min = "1s"
        retry_max = "5m"
        [s2s.resolve]
        "peer.example" = "127.0.0.1:25269"
        "*.peer.example" = "127.0.0.1:25269"
        [pubsub]
        create = "anyone"
        [http]
        public_url = "https://example.org"
        trusted_proxies = ["10.0.0.0/8", "::1"]
        [store]
        durability = "os"
        [limits]
        catch_up_posts = 5
        [sms]
        [[sms.route]]
        name = "carrier"
        rate = 100
        [cluster]
        nats = ["127.0.0.1:4222"]
    "#;
    let config = load(file, &[], &[]).unwrap();
    assert_eq!(config.domain, "example.org");
    assert_eq!(addresses(&config.c2s.listen), ["0.0.0.0:5222", "[::]:5222"]);
    assert_eq!(config.c2s.handshake_timeout, Duration::from_secs(10));
    assert_eq!(config.c2s.registration, Registration::Open);
    assert_eq!(config.s2s.retry_max, Duration::from_secs(300));
    assert_eq!(config.s2s.resolve.len(), 2);
    assert_eq!(config.pubsub.create, Create::Anyone);
    assert_eq!(config.store.durability, Durability::Os);
    assert_eq!(config.limits.catch_up_posts, 5);
    assert_eq!(config.sms["route"][0]["rate"].as_integer(), Some(100));
    assert_eq!(config.cluster["nats"][0].as_str(), Some("127.0.0.1:4222"));
}

#[test]
fn the_command_line_overrides_the_environment_and_that_the_file() {
    let file = "[c2s]\nlisten = [\"127.0.0.1:1\"]\nlisten_tls = [\"127.0.0.1:2\"]\nregistration = \"invite\"";
    let env = [
        ("REEF__C2S__LISTEN", "127.0.0.1:3"),
        ("REEF__C2S__LISTEN_TLS", "127.0.0.1:4, [::1]:5"),
        ("HOME", "/"),
    ];
    let sets = [
        "c2s.listen=[\"127.0.0.1:6\"]",
        "limits.queue_posts=9",
        "s2s.resolve.peer.example=127.0.0.1:7",
    ];
    let config = load(file, &sets, &env).unwrap();
    assert_eq!(addresses(&config.c2s.listen), ["127.0.0.1:6"]);
    assert_eq!(addresses(&config.c2s.listen_tls), ["127.0.0.1:4", "[::1]:5"]);
    assert_eq!(config.c2s.registration, Registration::Invite);
    assert_eq!(config.limits.queue_posts, 9);
    assert_eq!(config.s2s.resolve["peer.example"].port(), 7);
}

#[test]
fn a_value_on_the_command_line_may_do_without_quotes() {
    let sets = [
        "domain=example.org",
        "c2s.require_tls=false",
        "c2s.listen_tls=",
        "data_dir=\"a b\"",
        "sms.on=true",
    ];
    let config = load("", &sets, &[]).unwrap();
    assert_eq!(config.domain, "example.org");
    assert!(!config.c2s.require_tls);
    assert!(config.c2s.listen_tls.is_empty());
    assert_eq!(config.data_dir, PathBuf::from("a b"));
    assert_eq!(config.sms["on"].as_bool(), Some(true));
}

#[test]
fn policies_are_written_by_domain() {
    let file = "[s2s.policy]\n\"*\" = \"certificate\"\n\"*.peer.example\" = \"tls\"";
    let config = load(file, &["s2s.policy.bad.example=deny"], &[]).unwrap();
    let written: Vec<_> = config
        .s2s
        .policy
        .iter()
        .map(|(domain, policy)| (domain.as_str(), *policy))
        .collect();
    assert_eq!(
        written,
        [
            ("*", PeerPolicy::Certificate),
            ("*.peer.example", PeerPolicy::Tls),
            ("bad.example", PeerPolicy::Deny),
        ]
    );
    check_error(
        "[s2s.policy]\n\"a b\" = \"deny\"",
        "",
        "reef.toml: s2s.policy: \"a b\" is no domain; write peer.example, *.peer.example or *",
    );
}

/// A file and a `--set` (empty: none), and the one line that they end in.
#[track_caller]
fn check_error(file: &str, set: &str, expected: &str) {
    let sets: &[&str] = if set.is_empty() { &[] } else { &[set] };
    assert_eq!(load(file, sets, &[]).unwrap_err(), expected);
}

#[test]
fn an_unknown_key_is_answered_with_the_nearest_known_one() {
    check_error(
        "[c2s]\nlissten = []",
        "",
        "reef.toml: unknown key c2s.lissten; did you mean c2s.listen?",
    );
    check_error(
        "[c3s]\nlisten = []",
        "",
        "reef.toml: unknown key c3s; did you mean c2s?",
    );
    check_error("", "listen=x", "--set: unknown key listen; did you mean c2s.listen?");
    let message = "environment variable REEF__DOMIAN: unknown key domian; did you mean domain?";
    assert_eq!(load("", &[], &[("REEF__DOMIAN", "x")]).unwrap_err(), message);
}

#[test]
fn a_value_that_does_not_fit_is_answered_with_what_to_write() {
    for (file, set, expected) in [
        (
            "domain = 5",
            "",
            "reef.toml: domain: 5 does not fit; write a text in quotes",
        ),
        ("c2s = 5", "", "reef.toml: c2s: 5 does not fit; write a section of keys"),
        (
            "",
            "c2s.require_tls=no",
            "--set: c2s.require_tls: \"no\" does not fit; write true or false",
        ),
        (
            "",
            "c2s.listen=localhost",
            "--set: c2s.listen: is no address and port; write one like 127.0.0.1:5222",
        ),
    ] {
        check_error(file, set, expected);
    }
    let expected = "reef.toml: c2s.handshake_timeout: \"30\" is no duration; write 500ms, 30s, 5m, 2h or 7d";
    check_error("[c2s]\nhandshake_timeout = \"30\"", "", expected);
    let expected = "--set: c2s.registration: unknown variant `yes`, expected one of `open`, `invite`, `closed`";
    check_error("", "c2s.registration=yes", expected);
    let error = load("domain = \"a b\"", &[], &[]).unwrap_err();
    assert!(
        error.starts_with("reef.toml: domain: \"a b\" is no domain ("),
        "{error}"
    );
    assert!(error.ends_with("); write one like example.org"), "{error}");
}

#[test]
fn what_cannot_be_read_at_all_is_located() {
    let expected = "reef.toml line 2: string values must be quoted, expected literal string; the file must be TOML";
    check_error("a = 1\nb =", "", expected);
    let expected = "--set c2s.listen: write it as key=value, for instance --set c2s.registration=open";
    check_error("", "c2s.listen", expected);
}

#[test]
fn tls_may_be_left_out_only_on_loopback() {
    let check = |listen: &str, expected: Result<(), &str>| {
        let sets = ["c2s.require_tls=false", &format!("c2s.listen={listen}")];
        assert_eq!(load("", &sets, &[]).map(drop), expected.map_err(str::to_owned));
    };
    check("127.0.0.1:5222,[::1]:5222", Ok(()));
    let message =
        "--set: c2s.require_tls: may be false only if every c2s.listen is on loopback, and 0.0.0.0:5222 is not";
    check("127.0.0.1:5222,0.0.0.0:5222", Err(message));
}

#[test]
fn values_that_cannot_work_are_refused() {
    for set in [
        "limits.sasl_attempts=0",
        "limits.stanza_bytes=9999",
        "limits.queue_posts=-1",
        "limits.archive_page=0",
        "c2s.scram_iterations=4095",
        "c2s.handshake_timeout=0s",
        "s2s.retry_max=500ms",
        "tls.cert=/x",
        "tls.key=/x",
        "http.public_url=example.org",
        "http.trusted_proxies=10.0.0.0/33",
        "s2s.idle_timeout=0s",
        "s2s.policy.pe er=deny",
        "s2s.policy.peer.example=refuse",
        "limits.peer_streams=0",
        "s2s.resolve.pe er=127.0.0.1:1",
        "s2s.resolve.peer.example=nowhere",
        "data_dir=",
        "c2s.admins=juliet",
        "c2s.admins=juliet@elsewhere.example",
        "contact.abuse=abuse@example.org",
        "external_service=[{type=\"stun\"}]",
        "external_service=[{type=\"stun\",host=\"\"}]",
        "external_service=[{type=\"stun\",host=\"x\",prot=1}]",
        "external_service=[{type=\"turn\",host=\"x\",username=\"u\"}]",
        "external_service=[{type=\"turn\",host=\"x\",username=\"u\",password=\"p\",secret=\"s\"}]",
        "external_service=[{type=\"turn\",host=\"x\",secret=\"s\",expires=\"1s\"}]",
        "component=[{name=\"muc\",secret=\"s\"}]",
        "component=[{name=\"pubsub.localhost\",secret=\"s\"}]",
        "component=[{name=\"sms.localhost\",secret=\"s\"}]",
        "component=[{name=\"muc.localhost\"}]",
        "component=[{name=\"muc.localhost\",secret=\"s\",secret_file=\"/x\"}]",
        "component=[{name=\"muc.localhost\",secret_file=\"/nowhere\"}]",
        "component=[{name=\"a.x\",secret=\"s\"},{name=\"A.x\",secret=\"t\"}]",
        "store.durability=maybe",
    ] {
        let error = load("", &[set], &[]).unwrap_err();
        let key = set.split('=').next().unwrap();
        let section = key.split('.').next().unwrap();
        assert!(error.contains(section) && !error.contains('\n'), "{set}: {error}");
    }
    assert!(
        load(
            "",
            &["limits.connections_per_ip=0", "limits.registrations_per_minute=0"],
            &[]
        )
        .is_ok()
    );
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::load(Some(Path::new("/nowhere/reef.toml")), &[], std::iter::empty()).unwrap_err();
    assert!(
        error.to_string().starts_with("/nowhere/reef.toml: cannot be read"),
        "{error}"
    );
}
