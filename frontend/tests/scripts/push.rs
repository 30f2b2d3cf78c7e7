//! Push notifications (XEP-0357) where a transcript cannot go: sessions that wait to be resumed, and an operator's wishes.
//!
//! The service is a client here; the transcript is `push.script`.

use super::client::Client;
use super::server::Server;
use minidom::Element;
use reef_stanza::ns;
use std::time::Duration;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

async fn connect(server: &Server, user: &str, resource: &str) -> Client {
    let mut client = Client::connect(server.address()).await;
    client.authenticate(user).await;
    client.bind(resource).await;
    client
}

/// A phone with stream management, which has the service told.
async fn phone(server: &Server, resource: &str) -> Client {
    let mut phone = connect(server, "juliet", resource).await;
    phone
        .send("<enable xmlns='urn:xmpp:sm:3' resume='true'/><presence/>")
        .await;
    let push = "<enable xmlns='urn:xmpp:push:0' jid='romeo@capulet.lit/push' node='n'/>";
    phone.send(&format!("<iq type='set' id='push'>{push}</iq>")).await;
    until(&mut phone, |stanza| stanza.attr("id") == Some("push")).await;
    phone
}

async fn until(client: &mut Client, wanted: impl Fn(&Element) -> bool) -> Element {
    let found = async {
        loop {
            let stanza = client.stanza().await.expect("the stream goes on");
            if wanted(&stanza) {
                return stanza;
            }
        }
    };
    timeout(PATIENCE, found).await.expect("it comes")
}

/// What a service is told.
async fn told(service: &mut Client, name: &str) -> Option<String> {
    let iq = until(service, |stanza| stanza.has_child("pubsub", ns::PUBSUB)).await;
    let mut form = iq.children().next();
    for child in ["publish", "item", "notification", "x"] {
        form = form.and_then(|element| element.children().find(|inner| inner.name() == child));
    }
    let field = form?.children().find(|field| field.attr("var") == Some(name))?;
    field.children().next().map(Element::text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_waits_to_be_resumed_is_told_of_and_an_inactive_one_is_not() {
    let accounts = ["juliet", "romeo", "nurse"].map(str::to_owned);
    let server = Server::start(&["c2s.push_body=true".to_owned()], &accounts).await;
    let mut service = connect(&server, "romeo", "push").await;
    let mut nurse = connect(&server, "nurse", "here").await;
    let mut juliet = phone(&server, "phone").await;
    // It looks at nothing, and still gets it.
    juliet.send("<inactive xmlns='urn:xmpp:csi:0'/>").await;
    nurse
        .send("<message type='chat' to='juliet@capulet.lit'><body>one</body></message>")
        .await;
    until(&mut juliet, |stanza| stanza.name() == "message").await;
    // It was not acknowledged: the connection's end tells of it.
    drop(juliet);
    assert_eq!(told(&mut service, "last-message-body").await.as_deref(), Some("one"));
    nurse
        .send("<message type='chat' to='juliet@capulet.lit'><body>two</body></message>")
        .await;
    assert_eq!(told(&mut service, "last-message-body").await.as_deref(), Some("two"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_enabled_outlasts_a_restart() {
    let accounts = ["juliet", "romeo", "nurse"].map(str::to_owned);
    let server = Server::start(&[], &accounts).await;
    drop(phone(&server, "phone").await);
    let data = server.stop().await;
    let server = Server::start_on(data, &[], &[], None).await;
    let mut service = connect(&server, "romeo", "push").await;
    let mut nurse = connect(&server, "nurse", "here").await;
    nurse
        .send("<message type='chat' to='juliet@capulet.lit'><body>one</body></message>")
        .await;
    assert_eq!(told(&mut service, "message-count").await.as_deref(), Some("1"));
    server.stop().await;
}
