//! An account leaves one server as a file (XEP-0227) and comes to another as it was: with the server running, and without; twice,
//! too, and not over another password.

use super::client::Client;
use super::server::{DOMAIN, PASSWORD, Server};
use clap::Parser;
use reef_frontend::admin::Request;
use reef_frontend::cli::{self, Args};
use std::path::{Path, PathBuf};

const NOTE: &str = "<note xmlns='urn:x:note'>sweet</note>";

/// Runs a command on the data of a server, whether it runs or not.
pub(crate) async fn reef(data: &Path, command: &[&str]) -> Result<(), String> {
    let sets = [
        format!("domain={DOMAIN}"),
        format!("data_dir={}", data.display()),
        "store.durability=os".to_owned(),
        "c2s.scram_iterations=4096".to_owned(),
    ];
    let sets = sets.iter().flat_map(|set| ["--set", set.as_str()]);
    let words: Vec<String> = ["reef"]
        .into_iter()
        .chain(sets)
        .chain(command.iter().copied())
        .map(str::to_owned)
        .collect();
    let ran = tokio::task::spawn_blocking(move || cli::run(Args::parse_from(words), |_| Ok(None)));
    ran.await.unwrap().map_err(|exit| exit.line)
}

async fn client(server: &Server, user: &str) -> Client {
    let mut client = Client::connect(server.address()).await;
    client.authenticate(user).await;
    client.bind("here").await;
    client
}

/// Asks, and waits until that is answered.
async fn set(client: &mut Client, payload: &str) {
    client.send(&format!("<iq type='set' id='s'>{payload}</iq>")).await;
    loop {
        let stanza = client.stanza().await.unwrap();
        if stanza.attr("id") == Some("s") && stanza.name() == "iq" {
            assert_eq!(stanza.attr("type"), Some("result"), "{stanza:?}");
            return;
        }
    }
}

async fn publish(client: &mut Client, node: &str, id: &str, payload: &str) {
    let item = format!("<publish node='{node}'><item id='{id}'>{payload}</item></publish>");
    set(
        client,
        &format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'>{item}</pubsub>"),
    )
    .await;
}

/// A server whose Romeo has a feed, and whose nurse is there to follow.
async fn house(accounts: &[&str]) -> Server {
    let accounts: Vec<String> = accounts.iter().map(|name| (*name).to_owned()).collect();
    let server = Server::start(&[], &accounts).await;
    let (service, node) = ("romeo@capulet.lit".to_owned(), "urn:xmpp:microblog:0".to_owned());
    let settings = Vec::new();
    server
        .ask(Request::NodeCreate {
            service,
            node,
            settings,
        })
        .await;
    server
}

/// All that somebody has.
async fn lives(server: &Server) {
    let mut juliet = client(server, "juliet").await;
    let mut romeo = client(server, "romeo").await;
    set(&mut juliet, "<query xmlns='jabber:iq:roster'><item jid='romeo@capulet.lit' name='R &amp; J'><group>Verona</group></item></query>").await;
    juliet.send("<presence to='romeo@capulet.lit' type='subscribe'/>").await;
    set(
        &mut juliet,
        "<query xmlns='jabber:iq:private'><notes xmlns='urn:x:notes'>balcony</notes></query>",
    )
    .await;
    // What she asked is kept by now.
    romeo
        .send(
            "<presence to='juliet@capulet.lit' type='subscribe'/><presence to='juliet@capulet.lit' type='subscribed'/>",
        )
        .await;
    set(&mut juliet, "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference jid='orchard@rooms.lit' name='O'/></storage></query>").await;
    set(
        &mut juliet,
        "<vCard xmlns='vcard-temp'><FN>Juliet</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>QUJD</BINVAL></PHOTO></vCard>",
    )
    .await;
    set(
        &mut juliet,
        "<block xmlns='urn:xmpp:blocking'><item jid='paris@verona.lit'/><item jid='tybalt.lit'/></block>",
    )
    .await;
    set(
        &mut juliet,
        "<prefs xmlns='urn:xmpp:mam:2' default='always'><always/><never><jid>paris@verona.lit</jid></never></prefs>",
    )
    .await;
    posts(&mut juliet).await;
    meets(server, juliet, romeo).await;
}

/// What her nodes have.
async fn posts(juliet: &mut Client) {
    for number in 1..=5 {
        let entry = format!(
            "<entry xmlns='http://www.w3.org/2005/Atom'><id>tag:{number}</id><title>Post &lt;{number}&gt;</title><updated>2026-01-0{number}T00:00:00Z</updated></entry>"
        );
        publish(juliet, "urn:xmpp:microblog:0", &format!("post-{number}"), &entry).await;
    }
    publish(juliet, "urn:x:note", "1", NOTE).await;
    let affiliation = "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><affiliations node='urn:x:note'><affiliation jid='nurse@capulet.lit' affiliation='publisher'/></affiliations></pubsub>";
    set(juliet, affiliation).await;
}

/// Whom she follows and talks to, and who talks to her when she is away.
async fn meets(server: &Server, mut juliet: Client, mut romeo: Client) {
    let follow = |who: &str| {
        format!(
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe node='urn:xmpp:microblog:0' jid='{who}'/></pubsub>"
        )
    };
    juliet
        .send(&format!(
            "<iq type='set' id='f' to='romeo@capulet.lit'>{}</iq>",
            follow("juliet@capulet.lit")
        ))
        .await;
    let mut nurse = client(server, "nurse").await;
    nurse
        .send(&format!(
            "<iq type='set' id='f' to='juliet@capulet.lit'>{}</iq>",
            follow("nurse@capulet.lit")
        ))
        .await;
    assert_eq!(nurse.stanza().await.unwrap().attr("type"), Some("result"));
    for body in ["Speak", "O, speak again"] {
        juliet
            .send(&format!(
                "<message type='chat' to='romeo@capulet.lit'><body>{body}</body></message>"
            ))
            .await;
    }
    set(
        &mut juliet,
        "<query xmlns='jabber:iq:private'><last xmlns='urn:x:last'>here</last></query>",
    )
    .await;
    juliet.send("</stream:stream>").await;
    while juliet.stanza().await.is_some() {}
    romeo
        .send("<message type='chat' to='juliet@capulet.lit' id='m'><body>She speaks</body></message>")
        .await;
    // Its archive has it once it is kept.
    set(
        &mut romeo,
        "<query xmlns='jabber:iq:private'><last xmlns='urn:x:last'>here</last></query>",
    )
    .await;
    nurse.send("<presence to='juliet@capulet.lit' type='subscribe'/>").await;
    set(
        &mut nurse,
        "<query xmlns='jabber:iq:private'><last xmlns='urn:x:last'>here</last></query>",
    )
    .await;
}

/// Line by line, so that what differs can be read.
fn same(left: &str, right: &str) {
    left.lines()
        .zip(right.lines())
        .for_each(|(left, right)| assert_eq!(left, right));
    assert_eq!(left.len(), right.len());
}

fn text(file: &PathBuf) -> String {
    std::fs::read_to_string(file).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_written_and_brought_as_it_was() {
    let files = tempfile::tempdir().unwrap();
    let file = |name: &str| files.path().join(name);
    let (first, second, third) = (file("first"), file("second"), file("third"));
    let name = |file: &PathBuf| file.display().to_string();
    let server = house(&["juliet", "romeo", "nurse"]).await;
    lives(&server).await;
    reef(server.data(), &["export", "juliet@capulet.lit", &name(&first)])
        .await
        .unwrap();
    server.stop().await;
    let said = text(&first);
    for part in [
        "SCRAM-SHA-256",
        "name='R &amp; J'",
        "<group>Verona</group>",
        "subscription='to'",
        "from='nurse@capulet.lit' to='juliet@capulet.lit' type='subscribe'",
        "<notes ",
        "<FN>Juliet</FN>",
        "value='tybalt.lit'",
        "She speaks",
        "post-5",
        "orchard@rooms.lit",
        "QUJD",
        NOTE,
        "O, speak again",
        "affiliation='publisher'",
        "<follow ",
        "<never>",
        "<subscription jid='nurse@capulet.lit' subscription='subscribed'/>",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    // To a server where she is not; then once more, with nothing new; and out again, the same.
    let server = house(&["romeo", "nurse"]).await;
    reef(server.data(), &["import", &name(&first)]).await.unwrap();
    reef(server.data(), &["export", "juliet@capulet.lit", &name(&second)])
        .await
        .unwrap();
    same(&text(&second), &said);
    let mut juliet = client(&server, "juliet").await;
    juliet
        .send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
        .await;
    assert!(juliet.stanza().await.unwrap().attr("type") == Some("result"));
    let data = server.stop().await;
    // Without a server.
    reef(data.path(), &["import", &name(&first)]).await.unwrap();
    reef(data.path(), &["export", "juliet@capulet.lit", &name(&third)])
        .await
        .unwrap();
    same(&text(&third), &said);
    let refused = reef(data.path(), &["export", "juliet@capulet.lit", &name(&third)])
        .await
        .unwrap_err();
    assert!(refused.contains("exists"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_password_is_not_put_over_one_unless_that_is_said() {
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("file").display().to_string();
    let other = format!(
        "<server-data xmlns='urn:xmpp:pie:0'><x xmlns='urn:x'/><host jid='{DOMAIN}'><user name='juliet' password='pencil'>\
         <query xmlns='jabber:iq:roster'><item jid='nurse@{DOMAIN}' subscription='both'/></query><x xmlns='urn:x'/></user>\
         <user name='paris'><vCard xmlns='vcard-temp'><FN>Paris</FN></vCard></user></host><host jid='verona.lit'>\
         <user name='escalus'/></host></server-data>"
    );
    std::fs::write(&file, other).unwrap();
    let server = Server::start(&[], &["juliet", "nurse"].map(str::to_owned)).await;
    let refused = reef(server.data(), &["import", &file]).await.unwrap_err();
    assert!(refused.contains("another password"), "{refused}");
    client(&server, "juliet").await;
    reef(server.data(), &["import", &file, "--force"]).await.unwrap();
    let mut juliet = Client::connect(server.address()).await;
    juliet.authenticate_with("juliet", "pencil").await;
    // Again: it is the same password.
    reef(server.data(), &["import", &file]).await.unwrap();
    let refused = reef(server.data(), &["import", "/nothing"]).await.unwrap_err();
    assert!(refused.starts_with("/nothing: "), "{refused}");
    assert_ne!(PASSWORD, "pencil");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_that_are_long_come_in_pages() {
    const ITEMS: usize = 1_100;
    const FOLLOWERS: usize = 2_300;
    let files = tempfile::tempdir().unwrap();
    let (first, second) = (files.path().join("first"), files.path().join("second"));
    let server = Server::start(&[], &["juliet".to_owned()]).await;
    let mut juliet = client(&server, "juliet").await;
    let (service, node) = ("juliet@capulet.lit".to_owned(), "urn:x:notes".to_owned());
    let settings = vec![
        ("access_model".to_owned(), "open".to_owned()),
        ("max_items".to_owned(), "max".to_owned()),
    ];
    let made = Request::NodeCreate {
        service: service.clone(),
        node: node.clone(),
        settings,
    };
    server.ask(made).await;
    for id in 0..ITEMS {
        publish(&mut juliet, &node, &format!("{id}"), NOTE).await;
    }
    let followers = (0..FOLLOWERS)
        .map(|number| format!("user{number}@verona.lit"))
        .collect();
    let follow = Request::NodeImportFollowers {
        service,
        node,
        followers,
    };
    server.ask(follow).await;
    reef(
        server.data(),
        &["export", "juliet@capulet.lit", &first.display().to_string()],
    )
    .await
    .unwrap();
    server.stop().await;
    let said = text(&first);
    assert_eq!(said.matches("<item id=").count(), ITEMS);
    assert_eq!(said.matches("<subscription ").count(), FOLLOWERS);
    let server = Server::start(&[], &[]).await;
    reef(server.data(), &["import", &first.display().to_string()])
        .await
        .unwrap();
    reef(
        server.data(),
        &["export", "juliet@capulet.lit", &second.display().to_string()],
    )
    .await
    .unwrap();
    let list = |text: &str| {
        let mut lines: Vec<String> = text
            .replace("<subscription ", "\n")
            .lines()
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    };
    assert!(list(&text(&second)).len() > FOLLOWERS);
    assert_eq!(list(&text(&second)).len(), list(&said).len());
    server.stop().await;
}
