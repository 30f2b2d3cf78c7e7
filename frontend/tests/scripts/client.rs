//! A client that sends text and reads frames.

use super::server::{DOMAIN, PASSWORD};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minidom::Element;
use reef_stanza::{Budget, Frame, StreamNamespace, StreamReader};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything here takes: a test that hangs fails instead.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn header() -> String {
    format!(
        "<?xml version='1.0'?><stream:stream to='{DOMAIN}' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    )
}

pub(crate) struct Client {
    socket: TcpStream,
    reader: StreamReader,
    frames: VecDeque<Frame>,
    /// All that came on the connection.
    pub(crate) text: String,
}

fn reader() -> StreamReader {
    StreamReader::new(StreamNamespace::Client, Budget::AFTER_AUTH)
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Client {
        Client {
            socket: TcpStream::connect(address).await.unwrap(),
            reader: reader(),
            frames: VecDeque::new(),
            text: String::new(),
        }
    }

    /// Up to the features after SASL.
    pub(crate) async fn authenticate(&mut self, user: &str) {
        self.authenticate_with(user, PASSWORD).await;
    }

    /// The same with a password of its own.
    pub(crate) async fn authenticate_with(&mut self, user: &str, password: &str) {
        self.open().await;
        let secret = STANDARD.encode(format!("\0{user}\0{password}"));
        self.send(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>"
        ))
        .await;
        let success = self.stanza().await.unwrap();
        assert_eq!(success.name(), "success", "{success:?}");
        self.reader = reader();
        self.open().await;
    }

    /// The header and features.
    pub(crate) async fn open(&mut self) {
        self.send(&header()).await;
        let Some(Frame::Header(_)) = self.frame().await else {
            panic!("no header: {}", self.text);
        };
        assert_eq!(self.stanza().await.unwrap().name(), "features");
    }

    pub(crate) async fn bind(&mut self, resource: &str) {
        self.send(&format!(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <resource>{resource}</resource></bind></iq>"
        ))
        .await;
        let bound = self.stanza().await.unwrap();
        assert_eq!(bound.attr("type"), Some("result"), "{bound:?}");
    }

    pub(crate) async fn send(&mut self, text: &str) {
        // A server that has closed already is seen when its answer is read.
        let _ = timeout(PATIENCE, self.socket.write_all(text.as_bytes()))
            .await
            .expect("a server that reads");
    }

    /// The next stanza; `None` where the stream ends instead.
    pub(crate) async fn stanza(&mut self) -> Option<Element> {
        loop {
            match self.frame().await? {
                Frame::Element(element) => return Some(element),
                Frame::End => return None,
                Frame::Header(_) | Frame::Whitespace => {}
            }
        }
    }

    async fn frame(&mut self) -> Option<Frame> {
        while self.frames.is_empty() {
            let bytes = self.read().await?;
            let mut rest = bytes.as_slice();
            while let Some(frame) = self.reader.read(&mut rest).expect("a server that writes XML") {
                self.frames.push_back(frame);
            }
        }
        self.frames.pop_front()
    }

    async fn read(&mut self) -> Option<Vec<u8>> {
        let mut bytes = vec![0; 16_384];
        let read = timeout(PATIENCE, self.socket.read(&mut bytes)).await;
        let count = read
            .unwrap_or_else(|_| panic!("nothing came behind {}", self.text))
            .unwrap_or(0);
        bytes.truncate(count);
        self.text.push_str(&String::from_utf8_lossy(&bytes));
        (count > 0).then_some(bytes)
    }

    /// All that comes until the server closes the connection.
    pub(crate) async fn rest(&mut self) -> String {
        let from = self.text.len();
        while self.read().await.is_some() {}
        self.text.split_off(from)
    }
}
