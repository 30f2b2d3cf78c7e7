//! Files over HTTP (XEP-0363): put once and whole, fetched whole or in parts, kept over a restart, gone with their account.
//!
//! Slots are asked for in XMPP; the transcript of that is `upload.script`.

use super::client::Client;
use super::http::ask;
use super::server::{DOMAIN, Server};
use minidom::Element;
use reef_frontend::admin::{Request, Response};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BASE: &str = "https://files.example";

struct World {
    server: Server,
    juliet: Client,
}

impl World {
    async fn start(sets: &[&str]) -> World {
        let mut sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        sets.push(format!("http.public_url={BASE}"));
        let server = Server::start(&sets, &["juliet".to_owned()]).await;
        World::with(server).await
    }

    async fn with(server: Server) -> World {
        let mut juliet = Client::connect(server.address()).await;
        juliet.authenticate("juliet").await;
        juliet.bind("here").await;
        World { server, juliet }
    }

    fn http(&self) -> SocketAddr {
        *self.server.running.http.first().unwrap()
    }

    async fn asked(&mut self, name: &str, bytes: usize, kind: &str) -> Element {
        let request = format!(
            "<iq type='get' id='s' to='upload.{DOMAIN}'><request xmlns='urn:xmpp:http:upload:0' filename='{name}' \
             size='{bytes}' content-type='{kind}'/></iq>"
        );
        self.juliet.send(&request).await;
        self.juliet.stanza().await.unwrap()
    }

    /// The path of a new slot.
    async fn slot(&mut self, name: &str, bytes: usize, kind: &str) -> String {
        let answer = self.asked(name, bytes, kind).await;
        let put = answer.children().next().and_then(|slot| slot.children().next());
        let url = put
            .and_then(|put| put.attr("url"))
            .unwrap_or_else(|| panic!("{answer:?}"));
        url.strip_prefix(BASE).unwrap().to_owned()
    }

    async fn put(&self, path: &str, headers: &str, body: &str) -> String {
        put(self.http(), path, headers, body).await
    }

    async fn get(&self, path: &str, headers: &str) -> String {
        ask(self.http(), "GET", path, headers).await
    }

    /// What an operator is shown of what is uploaded.
    async fn uploaded(&self) -> u64 {
        let jid = format!("juliet@{DOMAIN}");
        match self.server.ask(Request::UserShow { jid }).await {
            Response::Done(shown) => shown["upload_bytes"].as_u64().unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

async fn put(http: SocketAddr, path: &str, headers: &str, body: &str) -> String {
    let mut socket = TcpStream::connect(http).await.unwrap();
    let head = format!("PUT {path} HTTP/1.1\r\nhost: {DOMAIN}\r\nconnection: close\r\n{headers}\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    // One that is refused early is closed early.
    let _ = socket.write_all(body.as_bytes()).await;
    let mut answer = String::new();
    let _ = socket.read_to_string(&mut answer).await;
    answer
}

#[track_caller]
fn is(answer: &str, status: u16, parts: &[&str]) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
    for part in parts {
        assert!(answer.contains(part), "{part}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_put_once_and_fetched_whole_or_in_parts() {
    let mut world = World::start(&[]).await;
    let path = world.slot("a b.png", 10, "image/png").await;
    is(&world.get(&path, "").await, 404, &[]);
    is(
        &world.put(&path, "content-length: 10\r\n", "0123456789").await,
        201,
        &[],
    );
    is(
        &world.put(&path, "content-length: 10\r\n", "abcdefghij").await,
        409,
        &[],
    );
    let whole = world.get(&path, "").await;
    is(
        &whole,
        200,
        &[
            "content-type: image/png\r\n",
            "content-disposition: inline\r\n",
            "content-length: 10\r\n",
            "x-content-type-options: nosniff\r\n",
            "content-security-policy: default-src 'none'; frame-ancestors 'none'; sandbox\r\n",
            "access-control-allow-origin: *\r\n",
            "cache-control: public, max-age=25",
            "immutable\r\n",
            "accept-ranges: bytes\r\n",
            "\r\n\r\n0123456789",
        ],
    );
    let part = world.get(&path, "range: bytes=2-4\r\n").await;
    is(
        &part,
        206,
        &[
            "content-range: bytes 2-4/10\r\n",
            "content-length: 3\r\n",
            "\r\n\r\n234",
        ],
    );
    is(
        &world.get(&path, "range: bytes=10-\r\n").await,
        416,
        &["content-range: bytes */10\r\n"],
    );
    refined(&world, &path, &whole).await;
    world.server.stop().await;
}

/// What else may be asked of a file.
async fn refined(world: &World, path: &str, whole: &str) {
    let tag = whole
        .split("etag: ")
        .nth(1)
        .and_then(|rest| rest.split('\r').next())
        .unwrap();
    is(&world.get(path, &format!("if-none-match: {tag}\r\n")).await, 304, &[]);
    is(
        &world.get(path, "range: bytes=2-4\r\nif-range: \"x\"\r\n").await,
        200,
        &["\r\n\r\n0123456789"],
    );
    let head = ask(world.http(), "HEAD", path, "").await;
    is(&head, 200, &["content-length: 10\r\n"]);
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    let options = ask(world.http(), "OPTIONS", path, "").await;
    is(
        &options,
        204,
        &[
            "access-control-allow-methods: OPTIONS, HEAD, GET, PUT\r\n",
            "access-control-allow-origin: *",
        ],
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_what_was_promised_is_refused_and_leaves_nothing() {
    let mut world = World::start(&[]).await;
    let path = world.slot("a.txt", 4, "text/html").await;
    is(
        &world
            .put(&path, "transfer-encoding: chunked\r\n", "4\r\nabcd\r\n0\r\n\r\n")
            .await,
        411,
        &[],
    );
    is(&world.put(&path, "content-length: 3\r\n", "abc").await, 400, &[]);
    is(&world.put(&path, "content-length: 5\r\n", "abcde").await, 413, &[]);
    let other = "content-type: image/png\r\ncontent-length: 4\r\n";
    is(&world.put(&path, other, "abcd").await, 415, &[]);
    // Nobody makes an address himself, nor gives a file another name.
    is(
        &world
            .put(&path.replace("a.txt", "a.html"), "content-length: 4\r\n", "abcd")
            .await,
        404,
        &[],
    );
    is(
        &world.put("/upload/AAAA/a.txt", "content-length: 4\r\n", "abcd").await,
        404,
        &[],
    );
    // One who stops in the middle may begin again.
    let mut half = TcpStream::connect(world.http()).await.unwrap();
    let head = format!("PUT {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab");
    half.write_all(head.as_bytes()).await.unwrap();
    drop(half);
    let mut answer = String::new();
    while !answer.starts_with("HTTP/1.1 201") {
        answer = world
            .put(&path, "content-type: text/html\r\ncontent-length: 4\r\n", "abcd")
            .await;
        assert!(!answer.starts_with("HTTP/1.1 404"), "{answer}");
    }
    // What could run is saved.
    let saved = [
        "content-type: application/octet-stream\r\n",
        "attachment; filename*=UTF-8''a.txt\r\n",
        "abcd",
    ];
    is(&world.get(&path, "").await, 200, &saved);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_there_and_what_was_promised_outlast_a_restart() {
    let sets = ["limits.upload_bytes_per_account=10", "limits.upload_days=0"];
    let mut world = World::start(&sets).await;
    let kept = world.slot("kept", 4, "").await;
    is(&world.put(&kept, "content-length: 4\r\n", "kept").await, 201, &[]);
    let promised = world.slot("promised", 6, "").await;
    assert_eq!(world.uploaded().await, 10);
    let data = world.server.stop().await;
    let sets: Vec<String> = sets
        .iter()
        .map(|set| (*set).to_owned())
        .chain([format!("http.public_url={BASE}")])
        .collect();
    let mut world = World::with(Server::start_on(data, &sets, &[], None).await).await;
    assert_eq!(world.uploaded().await, 10);
    let refused = world.asked("more", 1, "").await;
    assert_eq!(refused.attr("type"), Some("error"), "{refused:?}");
    is(&world.get(&kept, "").await, 200, &["max-age=31536000", "\r\n\r\nkept"]);
    is(&world.put(&promised, "content-length: 6\r\n", "coming").await, 201, &[]);
    is(&world.get(&promised, "").await, 200, &["\r\n\r\ncoming"]);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_go_with_their_account() {
    let mut world = World::start(&[]).await;
    let path = world.slot("a", 1, "").await;
    is(&world.put(&path, "content-length: 1\r\n", "a").await, 201, &[]);
    let promised = world.slot("b", 1, "").await;
    let jid = format!("juliet@{DOMAIN}");
    world.server.ask(Request::UserRemove { jid }).await;
    is(&world.get(&path, "").await, 404, &[]);
    is(&world.put(&promised, "content-length: 1\r\n", "b").await, 404, &[]);
    // A new account of that name has none of it.
    world.server.add("juliet").await;
    assert_eq!(world.uploaded().await, 0);
    let data = world.server.stop().await;
    assert_eq!(files(&data.path().join("uploads")), Vec::<PathBuf>::new());
}

fn files(folder: &std::path::Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(folder).unwrap().flatten();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.path()).unwrap().flatten());
    files.map(|file| file.path()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_of_a_minute_are_few_and_the_next_is_told() {
    let mut world = World::start(&["limits.uploads_per_minute=1"]).await;
    // A minute may end in between, and no second one does.
    let mut refused = Vec::new();
    for _ in 0..3 {
        let answer = world.asked("a", 1, "").await;
        refused.extend(
            answer
                .attr("type")
                .filter(|kind| *kind == "error")
                .map(|_| answer.clone()),
        );
    }
    let error = refused.first().and_then(|iq| iq.children().next()).unwrap();
    assert_eq!(error.attr("type"), Some("wait"), "{error:?}");
    assert!(
        error
            .get_child("resource-constraint", "urn:ietf:params:xml:ns:xmpp-stanzas")
            .is_some()
    );
    assert!(
        error
            .get_child("retry", "urn:xmpp:http:upload:0")
            .unwrap()
            .attr("stamp")
            .is_some()
    );
    world.server.stop().await;
}
