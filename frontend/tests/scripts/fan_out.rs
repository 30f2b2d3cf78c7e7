//! Posts to several sessions over real sockets, sent one by one and by io_uring: who reads gets all in order, who reads
//! late gets the same, and who leaves sees the end.
//!
//! Where a sandbox has no io_uring the server goes on without, and the test says the same.

use super::client::Client;
use super::server::{DOMAIN, Server};
use minidom::Element;

const FOLLOWERS: usize = 9;
const POSTS: usize = 60;

async fn follower(server: &Server, name: &str) -> Client {
    let mut client = Client::connect(server.address()).await;
    client.authenticate(name).await;
    client.bind("x").await;
    let follow = format!(
        "<presence/><iq type='set' id='f' to='juliet@{DOMAIN}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
         <subscribe node='urn:xmpp:microblog:0' jid='{name}@{DOMAIN}'/></pubsub></iq>"
    );
    client.send(&follow).await;
    while client.stanza().await.unwrap().attr("id") != Some("f") {}
    client
}

/// The ids of the next posts.
async fn items(client: &mut Client, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    while ids.len() < count {
        let stanza = client.stanza().await;
        let stanza = stanza.unwrap_or_else(|| panic!("behind {ids:?} the stream ends: {}", end_of(&client.text)));
        let event = stanza.get_child("event", "http://jabber.org/protocol/pubsub#event");
        let items = event.and_then(|event| event.children().next());
        ids.extend(
            items
                .into_iter()
                .flat_map(Element::children)
                .filter_map(|item| item.attr("id").map(str::to_owned)),
        );
    }
    ids
}

fn end_of(text: &str) -> &str {
    text.get(text.len().saturating_sub(500)..).unwrap_or(text)
}

async fn publish(client: &mut Client, ids: std::ops::Range<usize>, bytes: usize) {
    let text = "x".repeat(bytes);
    for id in ids.clone() {
        let publish = format!(
            "<iq type='set' id='p{id}'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:microblog:0'>\
             <item id='{id}'><entry xmlns='http://www.w3.org/2005/Atom'><title>{text}</title>\
             <id>tag:{id}</id><updated>2008-05-08T18:30:02Z</updated></entry></item></publish></pubsub></iq>"
        );
        client.send(&publish).await;
    }
    for id in ids {
        let answer = client.stanza().await.unwrap();
        assert_eq!(
            (answer.attr("type"), answer.attr("id")),
            (Some("result"), Some(&*format!("p{id}")))
        );
    }
}

async fn all_get_all(io_uring: bool) {
    let names: Vec<String> = (0..FOLLOWERS)
        .map(|n| format!("f{n}"))
        .chain(["juliet".to_owned()])
        .collect();
    let server = Server::start(&[format!("c2s.io_uring={io_uring}")], &names).await;
    let mut juliet = Client::connect(server.address()).await;
    juliet.authenticate("juliet").await;
    juliet.bind("x").await;
    publish(&mut juliet, 0..1, 10).await;
    let mut followers = Vec::new();
    for name in names.iter().take(FOLLOWERS) {
        followers.push(follower(&server, name).await);
    }
    // Far more than the kernel holds for one who does not read: nobody reads yet.
    publish(&mut juliet, 1..POSTS, 30_000).await;
    let expected: Vec<String> = (1..POSTS).map(|id| id.to_string()).collect();
    for client in &mut followers {
        assert_eq!(items(client, POSTS - 1).await, expected);
    }
    // One leaves, and its place is taken by another.
    let mut gone = followers.pop().unwrap();
    gone.send("</stream:stream>").await;
    assert!(gone.rest().await.ends_with("</stream:stream>"));
    followers.push(follower(&server, "f8").await);
    publish(&mut juliet, POSTS..POSTS + 3, 100).await;
    for client in &mut followers {
        assert_eq!(items(client, 3).await, ["60", "61", "62"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_follower_gets_each_post_once_and_in_order_one_send_at_a_time() {
    all_get_all(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_follower_gets_each_post_once_and_in_order_by_io_uring() {
    all_get_all(true).await;
}
