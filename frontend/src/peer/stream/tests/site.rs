//! A server of the tests: its listeners, its streams, and an inbox that a test looks into.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jid::Jid;
use minidom::Element;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use super::Ca;
use crate::config::Config;
use crate::peer::stream::{Inbox, Link, LinkEvent, Receipt, S2s, Unreachable, serve_s2s};
use crate::stream::Mode;
use crate::tls::Tls;

/// Longer than anything in these tests takes; a test that hangs fails instead.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Listeners that have their ports, before the server is configured.
pub(super) struct Place {
    pub(super) domain: &'static str,
    pub(super) starttls: TcpListener,
    pub(super) direct: TcpListener,
}

/// A running server.
pub(super) struct Site {
    pub(super) s2s: Arc<S2s>,
    pub(super) domain: &'static str,
    pub(super) starttls: SocketAddr,
    pub(super) direct: SocketAddr,
    pub(super) stop: watch::Sender<bool>,
    inbox: mpsc::Receiver<Came>,
    _data_dir: tempfile::TempDir,
}

/// What an inbox got.
#[derive(Debug)]
pub(super) enum Came {
    Stanza(Jid, Jid, Element, Receipt),
    Refusal(Jid, Jid, Element),
}

struct Box_(mpsc::Sender<Came>);

impl Inbox for Box_ {
    fn stanza(&self, from: Jid, to: Jid, stanza: Element, receipt: Receipt) {
        self.0.try_send(Came::Stanza(from, to, stanza, receipt)).unwrap();
    }

    fn refusal(&self, from: Jid, to: Jid, stanza: Element) {
        self.0.try_send(Came::Refusal(from, to, stanza)).unwrap();
    }
}

impl Place {
    pub(super) async fn new(domain: &'static str) -> Self {
        let bind = || TcpListener::bind("127.0.0.1:0");
        Self {
            domain,
            starttls: bind().await.unwrap(),
            direct: bind().await.unwrap(),
        }
    }

    /// `domain=address`, as the other configures it.
    pub(super) fn resolve(&self) -> String {
        format!("s2s.resolve.{}={}", self.domain, self.starttls.local_addr().unwrap())
    }

    /// Serves; without an authority the certificate is self-signed.
    pub(super) fn serve(self, ca: Option<&Ca>, sets: &[String]) -> Site {
        let mut all = vec![format!("domain={}", self.domain)];
        let services = format!("pubsub.{}", self.domain);
        if let Some(ca) = ca {
            let (cert, key) = ca.issue(&[self.domain, &services]);
            for (name, path) in [("cert", cert), ("key", key), ("ca", ca.root())] {
                all.push(format!("tls.{name}={}", path.display()));
            }
        }
        all.extend_from_slice(sets);
        let config = Config::load(None, &all, std::iter::empty()).unwrap();
        let data_dir = tempfile::tempdir().unwrap();
        let tls = Arc::new(Tls::load(&config.tls, data_dir.path(), &config.domain).unwrap());
        let (sender, inbox) = mpsc::channel(4_096);
        let domains = vec![self.domain.to_owned(), services];
        let mut secret = [0; 32];
        secret
            .iter_mut()
            .zip(self.domain.bytes())
            .for_each(|(to, from)| *to = from);
        let s2s = S2s::new(&config, domains, tls, secret, Arc::new(Box_(sender))).unwrap();
        let (stop, stopped) = watch::channel(false);
        let (starttls, direct) = (self.starttls.local_addr().unwrap(), self.direct.local_addr().unwrap());
        for (listener, mode) in [(self.starttls, Mode::StartTls), (self.direct, Mode::DirectTls)] {
            tokio::spawn(serve_s2s(listener, mode, s2s.clone(), stopped.clone()));
        }
        Site {
            s2s,
            domain: self.domain,
            starttls,
            direct,
            stop,
            inbox,
            _data_dir: data_dir,
        }
    }
}

impl Site {
    /// One that nobody but a raw peer talks to.
    pub(super) async fn alone(ca: &Ca, sets: &[String]) -> Self {
        Place::new("reef.example").await.serve(Some(ca), sets)
    }

    /// Two that find each other.
    pub(super) async fn two(cas: [Option<&Ca>; 2], sets: [&[&str]; 2]) -> (Self, Self) {
        let (reef, shore) = (Place::new("reef.example").await, Place::new("shore.example").await);
        let with = |sets: &[&str], other: &Place| -> Vec<String> {
            sets.iter().map(ToString::to_string).chain([other.resolve()]).collect()
        };
        let (of_reef, of_shore) = (with(sets[0], &shore), with(sets[1], &reef));
        (reef.serve(cas[0], &of_reef), shore.serve(cas[1], &of_shore))
    }

    pub(super) async fn open(&self, to: &Site) -> Result<Link, Unreachable> {
        let opened = self.s2s.open(self.domain, to.domain);
        tokio::time::timeout(PATIENCE, opened).await.expect("opening hangs")
    }

    /// What came next.
    pub(super) async fn came(&mut self) -> Came {
        let came = tokio::time::timeout(PATIENCE, self.inbox.recv()).await;
        came.expect("nothing comes").unwrap()
    }

    /// The stanza that came next, and its receipt.
    pub(super) async fn stanza(&mut self) -> (Element, Receipt) {
        match self.came().await {
            Came::Stanza(_, _, stanza, receipt) => (stanza, receipt),
            came @ Came::Refusal(..) => panic!("{came:?}"),
        }
    }

    /// The body of the message that came next.
    pub(super) async fn body(&mut self) -> String {
        let (stanza, _) = self.stanza().await;
        stanza.get_child("body", reef_stanza::ns::CLIENT).unwrap().text()
    }

    /// Nothing came that was not looked at.
    pub(super) fn is_empty(&mut self) -> bool {
        self.inbox.try_recv().is_err()
    }
}

/// A message between two domains, as bytes of a stream.
pub(super) fn chat(from: &str, to: &str, body: &str) -> Bytes {
    Bytes::from(format!(
        "<message from='juliet@{from}/x' to='romeo@{to}' type='chat'><body>{body}</body></message>"
    ))
}

/// What happens next on a link.
pub(super) async fn event(link: &mut Link) -> LinkEvent {
    tokio::time::timeout(PATIENCE, link.next())
        .await
        .expect("nothing happens")
}
