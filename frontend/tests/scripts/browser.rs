//! Streams over HTTP as browsers have them: frames of WebSocket, long polls, where they are found, and who may not.

use super::client::Client;
use super::http::{ask, get};
use super::server::{DOMAIN, PASSWORD, Server};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minidom::Element;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::WebSocket;
use tungstenite::{Message, client};

const OPEN: &str = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='capulet.lit' version='1.0'/>";
const CLOSE: &str = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";
const BIND: &str = "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
    <resource>web</resource></bind></iq>";
const PATIENCE: Duration = Duration::from_secs(20);

fn auth(password: &str) -> String {
    let secret = STANDARD.encode(format!("\0juliet\0{password}"));
    format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>")
}

/// A WebSocket that speaks XMPP; it blocks.
struct Web(WebSocket<TcpStream>);

impl Web {
    fn connect(address: SocketAddr, headers: &[(&'static str, &str)]) -> Result<Web, u16> {
        let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
        let protocol = ("sec-websocket-protocol", "xmpp");
        for (name, value) in headers.iter().chain([&protocol]).filter(|(_, value)| !value.is_empty()) {
            if !request.headers().contains_key(*name) || *name == "host" {
                request.headers_mut().insert(*name, value.parse().unwrap());
            }
        }
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        match client(request, socket) {
            Ok((web, answer)) => {
                assert_eq!(answer.headers().get("sec-websocket-protocol").unwrap(), "xmpp");
                Ok(Web(web))
            }
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(refused))) => {
                Err(refused.status().as_u16())
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn say(&mut self, frame: &str) {
        self.0.send(Message::text(frame)).unwrap();
    }

    /// The next frame, which is a document of its own.
    fn hear(&mut self) -> Element {
        let text = self.frame().expect("a frame");
        text.parse().unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    fn frame(&mut self) -> Option<String> {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => return Some(text.to_string()),
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(Message::Close(_)) | Err(tungstenite::Error::ConnectionClosed) => return None,
                other => panic!("{other:?}"),
            }
        }
    }

    fn open(&mut self) {
        self.say(OPEN);
        let open = self.hear();
        assert!(open.is("open", "urn:ietf:params:xml:ns:xmpp-framing"), "{open:?}");
        assert_eq!(open.attr("from"), Some(DOMAIN));
        let features = self.hear();
        assert!(
            features.is("features", "http://etherx.jabber.org/streams"),
            "{features:?}"
        );
        assert!(!features.has_child("starttls", "urn:ietf:params:xml:ns:xmpp-tls"));
    }

    fn login(&mut self) {
        self.open();
        self.say(&auth(PASSWORD));
        assert_eq!(self.hear().name(), "success");
        self.open();
        self.say(BIND);
        let bound = self.hear();
        assert!(
            bound.is("iq", "jabber:client") && bound.attr("type") == Some("result"),
            "{bound:?}"
        );
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_carries_a_session_in_frames() {
    let sets = ["c2s.require_tls=true".to_owned()];
    let server = Server::start(&sets, &["juliet".to_owned()]).await;
    let http = *server.running.http.first().unwrap();
    blocking(move || {
        let mut web = Web::connect(http, &[]).unwrap_or_else(|status| panic!("{status}"));
        web.login();
        web.say("<presence xmlns='jabber:client'/>");
        let presence = web.hear();
        assert!(presence.is("presence", "jabber:client"), "{presence:?}");
        // A frame may be as large as a stanza once somebody is known, and comes back in one.
        let body = "thus ".repeat(40_000);
        let message =
            format!("<message xmlns='jabber:client' to='juliet@capulet.lit/web' id='m'><body>{body}</body></message>");
        web.say(&message);
        let message = web.hear();
        assert_eq!(message.get_child("body", "jabber:client").unwrap().text(), body);
        web.say(CLOSE);
        let close = web.hear();
        assert!(close.is("close", "urn:ietf:params:xml:ns:xmpp-framing"), "{close:?}");
        assert_eq!(web.frame(), None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_is_told_over_a_websocket() {
    let server = Server::start(&[], &["juliet".to_owned()]).await;
    let http = *server.running.http.first().unwrap();
    let (bound, waits) = tokio::sync::oneshot::channel();
    let client = tokio::task::spawn_blocking(move || {
        let mut web = Web::connect(http, &[]).unwrap_or_else(|status| panic!("{status}"));
        web.login();
        bound.send(()).unwrap();
        let error = web.hear();
        assert!(
            error.has_child("system-shutdown", "urn:ietf:params:xml:ns:xmpp-streams"),
            "{error:?}"
        );
        assert_eq!(web.hear().name(), "close");
    });
    waits.await.unwrap();
    server.stop().await;
    client.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_over_http_are_for_origins_that_may_and_ways_that_are_protected() {
    let sets = [
        "http.origins=[\"https://chat.example\"]".to_owned(),
        "c2s.require_tls=true".to_owned(),
    ];
    let server = Server::start(&sets, &[]).await;
    let http = *server.running.http.first().unwrap();
    let (own, plain) = (format!("http://{http}"), ("x-forwarded-proto", "http"));
    blocking(move || {
        let connect = |headers: &[(&'static str, &str)]| Web::connect(http, headers).err();
        assert_eq!(connect(&[("origin", "https://chat.example")]), None);
        assert_eq!(connect(&[("origin", &own)]), None);
        assert_eq!(connect(&[("origin", "https://evil.example")]), Some(403));
        assert_eq!(connect(&[plain]), Some(403));
        assert_eq!(connect(&[("sec-websocket-protocol", "chat")]), Some(400));
    })
    .await;
    let page = get(http, "/ws", "").await;
    assert!(
        page.starts_with("HTTP/1.1 426 ") && page.contains("upgrade: websocket"),
        "{page}"
    );
    let preflight = "access-control-request-method: POST\r\norigin: ";
    let may = ask(
        http,
        "OPTIONS",
        "/bosh",
        &format!("{preflight}https://chat.example\r\n"),
    )
    .await;
    assert!(
        may.contains("access-control-allow-origin: https://chat.example"),
        "{may}"
    );
    let may_not = ask(
        http,
        "OPTIONS",
        "/bosh",
        &format!("{preflight}https://evil.example\r\n"),
    )
    .await;
    assert!(!may_not.contains("access-control"), "{may_not}");
}

/// Long polls, each on a connection of its own.
struct Polls {
    address: SocketAddr,
    sid: String,
    rid: u64,
}

async fn post(address: SocketAddr, body: String) -> Element {
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /bosh HTTP/1.1\r\nhost: {DOMAIN}\r\nconnection: close\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = timeout(PATIENCE, socket.read_to_string(&mut answer)).await;
    read.expect("an answer").unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
    body.parse().unwrap_or_else(|error| panic!("{error}: {body}"))
}

impl Polls {
    fn body(&mut self, attributes: &str, children: &str) -> String {
        self.rid += 1;
        let (sid, rid) = (&self.sid, self.rid);
        format!(
            "<body xmlns='http://jabber.org/protocol/httpbind' sid='{sid}' rid='{rid}' xmlns:xmpp='urn:xmpp:xbosh' \
             {attributes}>{children}</body>"
        )
    }

    async fn begin(address: SocketAddr) -> (Polls, Element) {
        let body = "<body xmlns='http://jabber.org/protocol/httpbind' to='capulet.lit' rid='100' wait='60' hold='1' ver='1.6' \
             xml:lang='en' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'/>";
        let began = post(address, body.to_owned()).await;
        let sid = began.attr("sid").unwrap().to_owned();
        (Polls { address, sid, rid: 100 }, began)
    }

    async fn say(&mut self, attributes: &str, children: &str) -> Element {
        let body = self.body(attributes, children);
        post(self.address, body).await
    }

    async fn login(address: SocketAddr) -> Polls {
        let (mut polls, began) = Polls::begin(address).await;
        let features = began.children().next().unwrap();
        assert!(features.is("features", "http://etherx.jabber.org/streams"), "{began:?}");
        let success = polls.say("", &auth(PASSWORD)).await;
        assert!(
            success.has_child("success", "urn:ietf:params:xml:ns:xmpp-sasl"),
            "{success:?}"
        );
        let restarted = polls.say("to='capulet.lit' xmpp:restart='true'", "").await;
        assert!(
            restarted.has_child("features", "http://etherx.jabber.org/streams"),
            "{restarted:?}"
        );
        let bound = polls.say("", BIND).await;
        assert_eq!(
            bound.children().next().unwrap().attr("type"),
            Some("result"),
            "{bound:?}"
        );
        polls
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_polls_carry_a_session_in_their_order() {
    let server = Server::start(&["c2s.require_tls=true".to_owned()], &["juliet".to_owned()]).await;
    let http = *server.running.http.first().unwrap();
    let mut polls = Polls::login(http).await;
    // Two at once that come the wrong way round are said in their order; the first is answered once the second has come.
    let ping = |id: &str| format!("<iq xmlns='jabber:client' type='get' id='{id}'><ping xmlns='urn:xmpp:ping'/></iq>");
    let (first, second) = (polls.body("", &ping("p1")), polls.body("", &ping("p2")));
    let late = tokio::spawn(post(http, second.clone()));
    let early = post(http, first).await;
    let late = late.await.unwrap();
    // The same number once more has the same answer.
    assert_eq!(post(http, second).await, late);
    // What the stream says later comes with the next.
    let mut heard: Vec<Element> = early.children().chain(late.children()).cloned().collect();
    while heard.len() < 2 {
        heard.extend(polls.say("", "").await.children().cloned());
    }
    let ids: Vec<_> = heard.iter().filter_map(|iq| iq.attr("id")).collect();
    assert_eq!(ids, ["p1", "p2"]);
    // A number that cannot be ends the session.
    polls.rid += 50;
    let ended = polls.say("", "").await;
    assert_eq!(
        (ended.attr("type"), ended.attr("condition")),
        (Some("terminate"), Some("item-not-found"))
    );
    let gone = polls.say("", "").await;
    assert_eq!(gone.attr("condition"), Some("item-not-found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_poll_waits_for_what_comes_and_ends_with_its_client() {
    let server = Server::start(&[], &["juliet".to_owned(), "romeo".to_owned()]).await;
    let http = *server.running.http.first().unwrap();
    let mut polls = Polls::login(http).await;
    let here = polls.say("", "<presence xmlns='jabber:client'/>").await;
    assert!(here.has_child("presence", "jabber:client"), "{here:?}");
    let waits = tokio::spawn(post(http, polls.body("", "")));
    let mut romeo = Client::connect(server.address()).await;
    romeo.authenticate("romeo").await;
    romeo.bind("orchard").await;
    romeo
        .send("<message to='juliet@capulet.lit' type='chat'><body>wherefore</body></message>")
        .await;
    let heard = waits.await.unwrap();
    let message = heard.get_child("message", "jabber:client").unwrap();
    assert_eq!(message.get_child("body", "jabber:client").unwrap().text(), "wherefore");
    let ended = polls
        .say(
            "type='terminate'",
            "<presence xmlns='jabber:client' type='unavailable'/>",
        )
        .await;
    assert_eq!(
        (ended.attr("type"), ended.attr("condition")),
        (Some("terminate"), None),
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_s_body_is_small_and_a_stream_error_ends_the_session() {
    let server = Server::start(&[], &["juliet".to_owned()]).await;
    let http = *server.running.http.first().unwrap();
    let (mut polls, _) = Polls::begin(http).await;
    let large = format!("<x xmlns='y'>{}</x>", "z".repeat(60_000));
    let refused = polls.say("", &large).await;
    assert_eq!(refused.attr("condition"), Some("policy-violation"), "{refused:?}");
    let (mut polls, _) = Polls::begin(http).await;
    let ended = polls.say("", "<message xmlns='jabber:client'/>").await;
    assert_eq!(
        (ended.attr("type"), ended.attr("condition")),
        (Some("terminate"), Some("remote-stream-error"))
    );
    let error = ended.get_child("error", "http://etherx.jabber.org/streams").unwrap();
    assert!(
        error.has_child("not-authorized", "urn:ietf:params:xml:ns:xmpp-streams"),
        "{error:?}"
    );
    let mut polls = Polls::login(http).await;
    let body = format!("<message xmlns='jabber:client' to='juliet@capulet.lit/web'>{large}</message>");
    let heard = polls.say("", &body).await;
    assert!(heard.has_child("message", "jabber:client"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn host_meta_says_where_streams_are() {
    let server = Server::start(&["http.public_url=https://www.capulet.lit/".to_owned()], &[]).await;
    let http = *server.running.http.first().unwrap();
    let xml = get(http, "/.well-known/host-meta", "").await;
    for link in [
        "<Link rel='urn:xmpp:alt-connections:websocket' href='wss://www.capulet.lit/ws'/>",
        "<Link rel='urn:xmpp:alt-connections:xbosh' href='https://www.capulet.lit/bosh'/>",
        "access-control-allow-origin: *",
    ] {
        assert!(xml.contains(link), "{xml}");
    }
    let json = get(http, "/.well-known/host-meta.json", "").await;
    assert!(
        json.contains(r#"{"rel":"urn:xmpp:alt-connections:websocket","href":"wss://www.capulet.lit/ws"}"#),
        "{json}"
    );
    let hidden = Server::start(&[], &[]).await;
    let nowhere = get(*hidden.running.http.first().unwrap(), "/.well-known/host-meta", "").await;
    assert!(nowhere.starts_with("HTTP/1.1 404 "), "{nowhere}");
}
