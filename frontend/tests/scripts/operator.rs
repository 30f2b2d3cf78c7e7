//! What operators say, read and do: contact addresses with the hash that stands for them, reports of who is blocked, an item
//! that is retracted.

use super::client::Client;
use super::server::{DOMAIN, Server};
use reef_frontend::admin::{Request, Response};
use reef_stanza::caps;
use serde_json::Value;
use xmpp_parsers::disco::DiscoInfoResult;

async fn client(server: &Server, user: &str) -> Client {
    let mut client = Client::connect(server.address()).await;
    client.authenticate(user).await;
    client.bind("here").await;
    client
}

async fn reports(server: &Server) -> Vec<Value> {
    match server.ask(Request::UserReports { after: None }).await {
        Response::Rows { rows, next: None } => rows,
        other => panic!("{other:?}"),
    }
}

async fn block(client: &mut Client, items: &str) {
    let block = format!("<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'>{items}</block></iq>");
    client.send(&block).await;
    let answer = client.stanza().await.unwrap();
    assert_eq!(answer.attr("type"), Some("result"), "{answer:?}");
}

fn item(jid: &str, reason: &str) -> String {
    format!("<item jid='{jid}'><report xmlns='urn:xmpp:reporting:1' reason='{reason}'/></item>")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hash_in_the_stream_features_is_of_what_is_answered() {
    let sets = ["contact.abuse=mailto:abuse@capulet.lit".to_owned()];
    let server = Server::start(&sets, &["juliet".to_owned()]).await;
    let mut juliet = client(&server, "juliet").await;
    let (_, ver) = juliet
        .text
        .rsplit_once("ver='")
        .expect("capabilities among the features");
    let ver = ver.split('\'').next().unwrap_or_default().to_owned();
    let ask = format!(
        "<iq type='get' id='1' to='{DOMAIN}'><query xmlns='http://jabber.org/protocol/disco#info' \
         node='https://reef.example/#{ver}'/></iq>"
    );
    juliet.send(&ask).await;
    let answer = juliet.stanza().await.unwrap();
    let info = DiscoInfoResult::try_from(answer.children().next().unwrap().clone()).unwrap();
    assert_eq!(info.extensions.len(), 1);
    assert!(caps::verify(&info, &ver), "{answer:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_are_kept_for_the_operator_until_he_forgets_them() {
    let accounts = ["juliet", "romeo"].map(str::to_owned);
    let server = Server::start(&[], &accounts).await;
    let (spam, abuse) = ("urn:xmpp:reporting:spam", "urn:xmpp:reporting:abuse");
    for user in ["juliet", "romeo"] {
        let mut client = client(&server, user).await;
        block(&mut client, &item("paris@verona.lit", spam)).await;
        block(&mut client, "<item jid='tybalt@verona.lit'/>").await;
    }
    let mut juliet = client(&server, "juliet").await;
    block(&mut juliet, &item("paris@verona.lit", abuse)).await;
    let kept = reports(&server).await;
    let of = |row: &Value| [&row["by"], &row["jid"], &row["reason"]].map(|field| field.as_str().unwrap().to_owned());
    let expected = [
        ["juliet@capulet.lit", "paris@verona.lit", abuse],
        ["romeo@capulet.lit", "paris@verona.lit", spam],
    ];
    assert_eq!(
        kept.iter().map(of).collect::<Vec<_>>(),
        expected.map(|row| row.map(str::to_owned))
    );
    let server = {
        let data = server.stop().await;
        Server::start_on(data, &[], &[], None).await
    };
    assert_eq!(reports(&server).await, kept);
    let jid = "paris@verona.lit".to_owned();
    server.ask(Request::UserForgetReports { jid }).await;
    assert!(reports(&server).await.is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_one_account_the_newest_reports_are_kept() {
    let server = Server::start(&[], &["juliet".to_owned()]).await;
    let mut juliet = client(&server, "juliet").await;
    for number in 0..102 {
        block(&mut juliet, &item(&format!("spammer{number:03}@verona.lit"), "urn:x")).await;
    }
    let kept = reports(&server).await;
    assert_eq!(kept.len(), 100);
    assert_eq!(kept[99]["jid"], "spammer101@verona.lit");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_retracts_is_gone_and_followers_are_told() {
    let accounts = ["juliet", "romeo"].map(str::to_owned);
    let server = Server::start(&[], &accounts).await;
    let mut juliet = client(&server, "juliet").await;
    let publish = "<iq type='set' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:x:news'>\
        <item id='a'><x xmlns='urn:x'/></item></publish><publish-options><x xmlns='jabber:x:data' type='submit'>\
        <field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>\
        <field var='pubsub#access_model'><value>open</value></field>\
        <field var='pubsub#notify_retract'><value>true</value></field></x></publish-options></pubsub></iq>";
    juliet.send(publish).await;
    assert_eq!(juliet.stanza().await.unwrap().attr("type"), Some("result"));
    let mut romeo = client(&server, "romeo").await;
    let follow = format!(
        "<presence/><iq type='set' id='f' to='juliet@{DOMAIN}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
         <subscribe node='urn:x:news' jid='romeo@{DOMAIN}'/></pubsub></iq>"
    );
    romeo.send(&follow).await;
    while romeo.stanza().await.unwrap().attr("id") != Some("f") {}
    let retract = Request::NodeRetract {
        service: format!("juliet@{DOMAIN}"),
        node: "urn:x:news".to_owned(),
        item: "a".to_owned(),
    };
    server.ask(retract).await;
    let told = loop {
        let stanza = String::from(&romeo.stanza().await.unwrap());
        if stanza.contains("retract") {
            break stanza;
        }
    };
    assert!(told.contains("id=\"a\"") || told.contains("id='a'"), "{told}");
    server.stop().await;
}
