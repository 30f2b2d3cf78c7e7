//! A server that knows just enough to be measured, and that makes the faults it is told to make.
//!
//! It finds what it answers in the text, as the tool does; it must not be right about XMPP, only about what it delivers.

pub(crate) mod social;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use social::{Social, Wrong};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What goes wrong with the posts, by number.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// This one is delivered twice.
    pub(crate) double: Option<u32>,
    /// This one goes out after the next.
    pub(crate) late: Option<u32>,
    /// This one never goes out.
    pub(crate) lose: Option<u32>,
    /// This one is refused.
    pub(crate) refuse: Option<u32>,
    /// With this one, everybody is cut off who follows, and nobody gets in again.
    pub(crate) cut: Option<u32>,
    /// Whoever comes back gets what was missed.
    pub(crate) remembers: bool,
    /// What social clients are told wrongly.
    pub(crate) wrong: Wrong,
    /// The followers that owners have, by the authors' numbers.
    pub(crate) owners: &'static [u32],
}

/// What all connections share.
#[derive(Default)]
struct Shared {
    /// Taken after `social`, by whoever needs both.
    followers: Mutex<Vec<(String, TcpStream)>>,
    social: Mutex<Social>,
    held: Mutex<Option<String>>,
    closed: AtomicBool,
    faults: Faults,
}

/// Starts a server; its address. It ends with the test.
pub(crate) fn start(faults: Faults, tls: Option<Arc<rustls::ServerConfig>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let shared = Arc::new(Shared {
        faults,
        ..Shared::default()
    });
    let serve = move || {
        for socket in listener.incoming().flatten() {
            let (shared, tls) = (shared.clone(), tls.clone());
            let connection = move || match tls {
                None => {
                    let writer = socket.try_clone().unwrap();
                    converse(socket, Some(writer), &shared);
                }
                Some(config) => {
                    let tls = rustls::ServerConnection::new(config).unwrap();
                    converse(rustls::StreamOwned::new(tls, socket), None, &shared);
                }
            };
            std::thread::Builder::new().spawn(connection).unwrap();
        }
    };
    std::thread::Builder::new().spawn(serve).unwrap();
    address
}

fn converse(mut stream: impl Read + Write, follower: Option<TcpStream>, shared: &Shared) {
    let (mut text, mut chunk, mut account) = (String::new(), [0; 4096], None);
    let mut follower = follower;
    loop {
        let answer = loop {
            if let Some((request, rest)) = whole(&text) {
                let answer = answer(&request, &mut account, &mut follower, shared);
                text = rest;
                break answer;
            }
            match stream.read(&mut chunk) {
                Ok(0) | Err(_) => return,
                Ok(n) => text.push_str(std::str::from_utf8(&chunk[..n]).unwrap()),
            }
        };
        if stream
            .write_all(answer.as_bytes())
            .and_then(|()| stream.flush())
            .is_err()
            || answer == "</stream:stream>"
        {
            return;
        }
    }
}

/// The first request that is whole, and what comes after it.
fn whole(text: &str) -> Option<(String, String)> {
    let ends = [
        ("<?xml", "version='1.0'>"),
        ("<auth", "</auth>"),
        ("<iq", "</iq>"),
        ("<presence/>", "<presence/>"),
        ("</stream:stream>", "</stream:stream>"),
    ];
    let (_, end) = ends.iter().find(|(begin, _)| text.starts_with(begin))?;
    let at = text.find(end)? + end.len();
    Some((text[..at].to_owned(), text[at..].to_owned()))
}

fn answer(request: &str, account: &mut Option<String>, follower: &mut Option<TcpStream>, shared: &Shared) -> String {
    if request.starts_with("<?xml") {
        let features = match account.is_some() {
            true => "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>",
            false => "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>",
        };
        return format!("<?xml version='1.0'?><stream:stream id='1'><stream:features>{features}</stream:features>");
    }
    if request.starts_with("<auth") && shared.closed.load(Ordering::Acquire) {
        return "</stream:stream>".to_owned();
    }
    if request.starts_with("<auth") {
        let said = request.split('>').nth(1).unwrap().trim_end_matches("</auth");
        let said = String::from_utf8(STANDARD.decode(said).unwrap()).unwrap();
        *account = Some(format!("{}@localhost", said.split('\0').nth(1).unwrap()));
        return "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".to_owned();
    }
    let by = account.clone().unwrap_or_default();
    if request.starts_with("<presence") {
        let mut social = shared.social.lock().unwrap();
        if let Some(mut socket) = follower.take() {
            let missed = social.missed(&by, shared.faults.wrong);
            // Whoever is cut off meanwhile has gone.
            let _ = socket.write_all(missed.as_bytes());
            shared.followers.lock().unwrap().push((by, socket));
        }
        return String::new();
    }
    if request.starts_with("</stream") {
        let mut social = shared.social.lock().unwrap();
        shared.followers.lock().unwrap().retain(|(other, _)| *other != by);
        if shared.faults.remembers {
            social.leave(&by);
        }
        return "</stream:stream>".to_owned();
    }
    let id = request
        .split("id='")
        .nth(1)
        .and_then(|rest| rest.split('\'').next())
        .unwrap();
    let (owners, wrong) = (shared.faults.owners, shared.faults.wrong);
    let answered = shared.social.lock().unwrap().answer(request, &by, owners, wrong);
    if let Some(inside) = answered {
        return format!("<iq type='result' id='{id}'>{inside}</iq>");
    }
    let item = request
        .split("<item id='")
        .nth(1)
        .and_then(|rest| rest.split('\'').next());
    let number = item.and_then(|item| item.split('-').nth(2)?.parse().ok());
    if number.is_some() && number == shared.faults.refuse {
        return format!("<iq type='error' id='{id}'><error type='wait'><policy-violation/></error></iq>");
    }
    if let Some(item) = item {
        deliver(&by, item, number, shared);
    }
    format!("<iq type='result' id='{id}'/>")
}

fn deliver(of: &str, item: &str, number: Option<u32>, shared: &Shared) {
    let faults = &shared.faults;
    if number.is_none() || number == faults.lose {
        return;
    }
    let mut social = shared.social.lock().unwrap();
    let message = social.publish(of, item, faults.wrong);
    if number == faults.late {
        *shared.held.lock().unwrap() = Some(message);
        return;
    }
    if number == faults.cut {
        shared.closed.store(true, Ordering::Release);
        for (_, follower) in shared.followers.lock().unwrap().drain(..) {
            follower.shutdown(std::net::Shutdown::Both).unwrap();
        }
        return;
    }
    let held = shared.held.lock().unwrap().take().unwrap_or_default();
    let times = if number == faults.double { 2 } else { 1 };
    let mut followers = shared.followers.lock().unwrap();
    for (_, follower) in followers.iter_mut().filter(|(by, _)| social.gets(by, of)) {
        let _ = follower.write_all((message.repeat(times) + &held).as_bytes());
    }
}
