//! A message that cannot be archived: its sender hears so, and nothing of it is done.
//!
//! The engine is closed under a server that serves, as the commit queue's end is for who finds it full. Knows no store.

use super::client::Client;
use super::server::Server;

async fn login(server: &Server, name: &str) -> Client {
    let mut client = Client::connect(server.address()).await;
    client.authenticate(name).await;
    client.bind("x").await;
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_cannot_be_archived_comes_back_and_is_delivered_to_nobody() {
    let server = Server::start(&[], &["juliet".to_owned(), "romeo".to_owned()]).await;
    let (mut juliet, mut romeo) = (login(&server, "juliet").await, login(&server, "romeo").await);
    let engine = server.running.engine().clone();
    tokio::task::spawn_blocking(move || engine.close()).await.unwrap();
    juliet
        .send(
            "<message type='chat' to='romeo@capulet.lit/x' id='1'><body>lost?</body></message>\
             <message type='chat' to='romeo@capulet.lit/x' id='2'><gone xmlns='http://jabber.org/protocol/chatstates'/></message>\
             <iq type='set' id='3'><query xmlns='urn:xmpp:mam:2'/></iq>",
        )
        .await;
    let refused = juliet.stanza().await.unwrap();
    assert_eq!((refused.attr("type"), refused.attr("id")), (Some("error"), Some("1")));
    assert_eq!(refused.attr("from"), Some("romeo@capulet.lit/x"));
    let error = refused.get_child("error", "jabber:client").unwrap();
    assert_eq!(error.attr("type"), Some("wait"));
    assert!(error.has_child("resource-constraint", "urn:ietf:params:xml:ns:xmpp-stanzas"));
    // Nothing holds up what was said behind it, and no request of its sender's.
    let next = romeo.stanza().await.unwrap();
    assert_eq!(next.attr("id"), Some("2"), "{next:?}");
    let fin = juliet.stanza().await.unwrap();
    assert_eq!((fin.name(), fin.attr("id")), ("iq", Some("3")), "{fin:?}");
    drop((juliet, romeo));
    server.running.stop().await;
}
