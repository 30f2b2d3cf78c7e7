//! What is retracted, and what belonged to an account that is removed, is on the disk no more once the store was compacted.

use super::client::Client;
use super::server::{DOMAIN, Server};
use reef_frontend::admin::Request;
use std::path::Path;

/// Rounds within which the background has removed what a removed account leaves, each with a compaction.
const ROUNDS: usize = 100;

const RETRACTED: &str = "dGhlIHBvc3Q9KzV0aGF0";
const SAID: &str = "Y2hhdDg3c2FpZF9qdWxp";
const KEPT: &str = "a2VwdGZvcnJvbWVvMTIz";
const STAYS: &str = "c3RheXNoZXJlODg5MDEy";

fn contains(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|file| {
        let path = file.unwrap().path();
        match path.is_dir() {
            true => contains(&path, text),
            // A file may be gone since.
            false => {
                std::fs::read(&path).is_ok_and(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
            }
        }
    })
}

async fn set(client: &mut Client, payload: &str) {
    client.send(&format!("<iq type='set' id='s'>{payload}</iq>")).await;
    let answer = client.stanza().await.unwrap();
    assert_eq!(answer.attr("type"), Some("result"), "{answer:?}");
}

fn item(id: &str, text: &str) -> String {
    format!(
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:x:news'>\
         <item id='{id}'><x xmlns='urn:x'>{text}</x></item></publish><publish-options><x xmlns='jabber:x:data' type='submit'>\
         <field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>\
         <field var='pubsub#max_items'><value>max</value></field></x></publish-options></pubsub>"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_retracted_or_removed_leaves_the_disk_by_the_next_compaction() {
    let accounts = ["juliet", "romeo"].map(str::to_owned);
    let server = Server::start(&[], &accounts).await;
    let store = server.data().join("store");
    let mut romeo = Client::connect(server.address()).await;
    romeo.authenticate("romeo").await;
    romeo.bind("here").await;
    set(&mut romeo, &item("a", RETRACTED)).await;
    set(&mut romeo, &item("b", STAYS)).await;
    let mut juliet = Client::connect(server.address()).await;
    juliet.authenticate("juliet").await;
    juliet.bind("here").await;
    set(&mut juliet, &item("a", KEPT)).await;
    juliet
        .send(&format!(
            "<message to='juliet@{DOMAIN}/here' type='chat'><body>{SAID}</body></message>"
        ))
        .await;
    assert_eq!(juliet.stanza().await.unwrap().name(), "message");
    server.ask(Request::Compact).await;
    for text in [RETRACTED, SAID, KEPT, STAYS] {
        assert!(contains(&store, text), "{text} was never there");
    }
    let retract = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><retract node='urn:x:news'><item id='a'/></retract></pubsub>";
    set(&mut romeo, retract).await;
    let jid = format!("juliet@{DOMAIN}");
    server.ask(Request::UserRemove { jid }).await;
    for _ in 0..ROUNDS {
        server.ask(Request::Compact).await;
        if ![RETRACTED, SAID, KEPT].iter().any(|text| contains(&store, text)) {
            break;
        }
    }
    for text in [RETRACTED, SAID, KEPT] {
        assert!(!contains(&store, text), "{text} is there yet");
    }
    assert!(contains(&store, STAYS));
    server.stop().await;
}
