//! Programs that speak for domains of their own (XEP-0114): who may connect, what goes either way, and what waits for one
//! that is away.
//!
//! A component here is a socket and a reader; slixmpp's own is driven by `tests/clients`.

use super::client::Client;
use super::server::{DOMAIN, Server};
use minidom::Element;
use reef_stanza::{Budget, Frame, StreamNamespace, StreamReader, ns};
use sha1::{Digest, Sha1};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const MUC: &str = "muc.capulet.lit";
const PATIENCE: Duration = Duration::from_secs(20);

struct Component {
    socket: TcpStream,
    reader: StreamReader,
    frames: VecDeque<Frame>,
    id: String,
}

impl Component {
    /// Up to the header.
    async fn open(server: &Server, name: &str) -> Component {
        let address = *server.running.components.first().unwrap();
        let mut component = Component {
            socket: TcpStream::connect(address).await.unwrap(),
            reader: StreamReader::new(StreamNamespace::Component, Budget::AFTER_AUTH),
            frames: VecDeque::new(),
            id: String::new(),
        };
        let header = format!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
             xmlns:stream='http://etherx.jabber.org/streams' to='{name}'>"
        );
        component.send(&header).await;
        match component.frame().await {
            Some(Frame::Header(header)) => {
                assert_eq!(header.version, None);
                component.id = header.id.unwrap();
            }
            other => panic!("{other:?}"),
        }
        component
    }

    async fn shake(&mut self, secret: &str) {
        let hash = Sha1::digest(format!("{}{secret}", self.id).as_bytes());
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        self.send(&format!("<handshake>{hash}</handshake>")).await;
    }

    async fn join(server: &Server) -> Component {
        let mut component = Component::open(server, MUC).await;
        component.shake("secret").await;
        assert_eq!(component.stanza().await.name(), "handshake");
        component
    }

    async fn send(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).await.unwrap();
    }

    async fn frame(&mut self) -> Option<Frame> {
        let mut buffer = [0; 4096];
        while self.frames.is_empty() {
            let read = timeout(PATIENCE, self.socket.read(&mut buffer))
                .await
                .expect("something comes");
            let mut rest = buffer.get(..read.ok().filter(|read| *read > 0)?)?;
            while let Some(frame) = self.reader.read(&mut rest).unwrap() {
                self.frames.push_back(frame);
            }
        }
        self.frames.pop_front()
    }

    /// The next stanza; what the server asks, who it is and whether it is there, is answered on the way.
    async fn stanza(&mut self) -> Element {
        loop {
            let Some(Frame::Element(element)) = self.frame().await else {
                panic!("the stream has ended");
            };
            if element.attr("type") != Some("get") || element.attr("from") != Some(DOMAIN) {
                return element;
            }
            let attr = |name| element.attr(name).unwrap_or_default().to_owned();
            let (id, from, to) = (attr("id"), attr("from"), attr("to"));
            self.send(&format!("<iq type='result' id='{id}' from='{to}' to='{from}'/>"))
                .await;
        }
    }

    /// The condition of the error with which the stream ends.
    async fn fault(&mut self) -> String {
        let error = self.stanza().await;
        assert!(error.is("error", ns::STREAM), "{error:?}");
        error.children().next().unwrap().name().to_owned()
    }
}

async fn start(accounts: &[&str]) -> Server {
    let sets = [
        format!("component=[{{name=\"{MUC}\",secret=\"secret\"}}]"),
        "components.listen=[\"127.0.0.1:0\"]".to_owned(),
    ];
    let accounts: Vec<String> = accounts.iter().map(|name| (*name).to_owned()).collect();
    Server::start(&sets, &accounts).await
}

async fn connect(server: &Server, user: &str) -> Client {
    let mut client = Client::connect(server.address()).await;
    client.authenticate(user).await;
    client.bind("here").await;
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_knows_the_secret_speaks_and_only_one_at_a_time() {
    let server = start(&[]).await;
    assert_eq!(
        Component::open(&server, "sms.capulet.lit").await.fault().await,
        "host-unknown"
    );
    let mut wrong = Component::open(&server, MUC).await;
    wrong.shake("other").await;
    assert_eq!(wrong.fault().await, "not-authorized");
    let mut early = Component::open(&server, MUC).await;
    early
        .send("<presence from='a@muc.capulet.lit' to='juliet@capulet.lit'/>")
        .await;
    assert_eq!(early.fault().await, "not-authorized");
    let mut first = Component::join(&server).await;
    let mut second = Component::open(&server, MUC).await;
    second.shake("secret").await;
    assert_eq!(second.fault().await, "conflict");
    // For another domain it does not speak.
    first
        .send("<message from='juliet@capulet.lit' to='romeo@capulet.lit'><body>?</body></message>")
        .await;
    assert_eq!(first.fault().await, "invalid-from");
    while first.frame().await.is_some() {}
    let mut third = Component::open(&server, MUC).await;
    third.shake("secret").await;
    assert_eq!(third.stanza().await.name(), "handshake");
    third
        .send(&format!("<message from='a@{MUC}'><body>?</body></message>"))
        .await;
    assert_eq!(third.fault().await, "improper-addressing");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stanzas_go_either_way_and_it_is_found_while_it_is_there() {
    let server = start(&["juliet"]).await;
    let mut juliet = connect(&server, "juliet").await;
    let items = format!(
        "<iq type='get' id='1' to='{DOMAIN}'><query xmlns='{}'/></iq>",
        ns::DISCO_ITEMS
    );
    juliet.send(&items).await;
    assert!(!String::from(&juliet.stanza().await.unwrap()).contains(MUC));
    let mut muc = Component::join(&server).await;
    juliet.send(&items).await;
    assert!(String::from(&juliet.stanza().await.unwrap()).contains(MUC));
    juliet
        .send(&format!(
            "<iq type='get' id='2' to='{MUC}'><query xmlns='{}'/></iq>",
            ns::DISCO_INFO
        ))
        .await;
    let asked = muc.stanza().await;
    assert_eq!((asked.name(), asked.ns().as_str()), ("iq", ns::COMPONENT));
    assert_eq!(asked.attr("from"), Some("juliet@capulet.lit/here"));
    let answer = format!(
        "<iq type='result' id='2' from='{MUC}' to='juliet@capulet.lit/here'><query xmlns='{}'/></iq>",
        ns::DISCO_INFO
    );
    muc.send(&answer).await;
    let answered = juliet.stanza().await.unwrap();
    assert_eq!((answered.attr("id"), answered.attr("from")), (Some("2"), Some(MUC)));
    juliet.send(&format!("<presence to='room@{MUC}/juliet'/>")).await;
    assert_eq!(muc.stanza().await.attr("to"), Some("room@muc.capulet.lit/juliet"));
    muc.send(&format!(
        "<message type='groupchat' from='room@{MUC}/romeo' to='juliet@capulet.lit/here'><body>hi</body></message>"
    ))
    .await;
    let said = juliet.stanza().await.unwrap();
    assert_eq!(
        (said.attr("from"), said.ns().as_str()),
        (Some("room@muc.capulet.lit/romeo"), ns::CLIENT)
    );
    assert!(said.has_child("body", ns::CLIENT), "{said:?}");
    // It asks the server as any other server does.
    muc.send(&format!(
        "<iq type='get' id='3' from='{MUC}' to='{DOMAIN}'><ping xmlns='{}'/></iq>",
        ns::PING
    ))
    .await;
    let pong = muc.stanza().await;
    assert_eq!(
        (pong.attr("id"), pong.attr("type"), pong.attr("to")),
        (Some("3"), Some("result"), Some(MUC))
    );
    // What nobody here takes comes back.
    muc.send(&format!(
        "<iq type='get' id='4' from='a@{MUC}' to='nobody@{DOMAIN}'><ping xmlns='{}'/></iq>",
        ns::PING
    ))
    .await;
    assert_eq!(muc.stanza().await.attr("type"), Some("error"));
    // Files are for accounts here.
    let slot = "<request xmlns='urn:xmpp:http:upload:0' filename='a' size='1'/>";
    muc.send(&format!(
        "<iq type='get' id='5' from='a@{MUC}' to='upload.{DOMAIN}'>{slot}</iq>"
    ))
    .await;
    let refused = String::from(&muc.stanza().await);
    assert!(refused.contains("<forbidden "), "{refused}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_to_one_that_is_away_waits_and_what_is_asked_is_answered() {
    let server = start(&["juliet"]).await;
    let mut juliet = connect(&server, "juliet").await;
    juliet
        .send(&format!(
            "<iq type='get' id='1' to='{MUC}'><query xmlns='{}'/></iq>",
            ns::DISCO_INFO
        ))
        .await;
    let error = juliet.stanza().await.unwrap();
    assert!(String::from(&error).contains("remote-server-timeout"), "{error:?}");
    juliet
        .send(&format!(
            "<message type='chat' id='2' to='echo@{MUC}'><body>are you there</body></message>"
        ))
        .await;
    juliet
        .send(&format!("<presence type='subscribe' id='3' to='echo@{MUC}'/>"))
        .await;
    // The push says that the request is kept.
    let mut muc = Component::join(&server).await;
    let message = muc.stanza().await;
    assert_eq!((message.name(), message.attr("id")), ("message", Some("2")));
    let request = muc.stanza().await;
    assert_eq!(
        (request.attr("type"), request.attr("to")),
        (Some("subscribe"), Some("echo@muc.capulet.lit"))
    );
    // A contact there is as one at another server.
    juliet.send("<presence/>").await;
    muc.send(&format!(
        "<presence type='subscribed' from='echo@{MUC}' to='juliet@{DOMAIN}'/>"
    ))
    .await;
    muc.send(&format!("<presence from='echo@{MUC}/it' to='juliet@{DOMAIN}'/>"))
        .await;
    let shown = async {
        loop {
            let stanza = juliet.stanza().await.unwrap();
            if stanza.name() == "presence" && stanza.attr("from") == Some("echo@muc.capulet.lit/it") {
                return;
            }
        }
    };
    timeout(PATIENCE, shown).await.expect("the contact is shown");
    server.stop().await;
}
