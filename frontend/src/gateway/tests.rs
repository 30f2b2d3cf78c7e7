//! The contact over real sockets, with a gateway that links every number whose code is 123456.

#[path = "../../tests/scripts/client.rs"]
#[allow(dead_code, reason = "the scripts need more of it")]
mod client;
#[path = "../../tests/scripts/server.rs"]
#[allow(dead_code, reason = "the scripts need more of it")]
mod server;
mod social;
mod stub;

use client::Client;
use minidom::Element;
use server::Server;
use std::sync::Arc;
use stub::Phones;

const NUMBER: &str = "+491709876567";
const MASKED: &str = "+4917•••••67";
/// A number that texts its code.
const TEXTING: &str = "+491709876560";

async fn world() -> (Server, Client) {
    let part: Arc<dyn reef_frontend::part::Part> = Phones::new();
    let server = Server::start_with(&[], &["romeo".to_owned()], Some(part)).await;
    let mut romeo = Client::connect(server.address()).await;
    romeo.authenticate("romeo").await;
    romeo.bind("here").await;
    romeo.send("<presence/>").await;
    next(&mut romeo).await;
    (server, romeo)
}

async fn next(client: &mut Client) -> Element {
    client.stanza().await.expect("a stream that goes on")
}

async fn iq(client: &mut Client, kind: &str, payload: &str) -> Element {
    client
        .send(&format!("<iq type='{kind}' id='q' to='sms.capulet.lit'>{payload}</iq>"))
        .await;
    loop {
        let came = next(client).await;
        if came.attr("id") == Some("q") {
            assert_eq!(came.attr("from"), Some("sms.capulet.lit"));
            return came;
        }
    }
}

async fn register(client: &mut Client, kind: &str, content: &str) -> Element {
    iq(
        client,
        kind,
        &format!("<query xmlns='jabber:iq:register'>{content}</query>"),
    )
    .await
}

async fn command(client: &mut Client, node: &str, fields: Option<&[(&str, &str)]>) -> Element {
    let field = |(var, value): &(&str, &str)| format!("<field var='{var}'><value>{value}</value></field>");
    let form = fields.map(|fields| {
        let fields: String = fields.iter().map(field).collect();
        format!("<x xmlns='jabber:x:data' type='submit'>{fields}</x>")
    });
    let payload = format!(
        "<command xmlns='http://jabber.org/protocol/commands' node='{node}'>{}</command>",
        form.unwrap_or_default()
    );
    iq(client, "set", &payload).await
}

/// The value of a field of the form in an answer.
fn field(answer: &Element, var: &str) -> Option<String> {
    fn walk<'e>(element: &'e Element, var: &str) -> Option<&'e Element> {
        let own = element.is("field", "jabber:x:data") && element.attr("var") == Some(var);
        own.then_some(element)
            .or_else(|| element.children().find_map(|child| walk(child, var)))
    }
    let field = walk(answer, var)?;
    Some(
        field
            .get_child("value", "jabber:x:data")
            .map(Element::text)
            .unwrap_or_default(),
    )
}

fn text(stanza: &Element) -> String {
    String::from(stanza)
}

async fn body(client: &mut Client) -> String {
    loop {
        if let Some(body) = next(client).await.get_child("body", "jabber:client") {
            return body.text();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_to_the_contact_is_a_command_and_it_answers() {
    let (server, mut romeo) = world().await;
    romeo
        .send("<message type='chat' to='sms.capulet.lit'><body>FOLLOW juliet</body></message>")
        .await;
    assert_eq!(body(&mut romeo).await, "romeo@capulet.lit: FOLLOW juliet");
    for (payload, answer) in [
        ("<encrypted xmlns='eu.siacs.conversations.axolotl'/>", "encrypted"),
        ("<replace xmlns='urn:xmpp:message-correct:0' id='1'/>", "correct"),
    ] {
        let message = format!("<message type='chat' to='sms.capulet.lit'><body>not for you</body>{payload}</message>");
        romeo.send(&message).await;
        let told = body(&mut romeo).await;
        assert!(told.contains(answer) && !told.contains("not for you"), "{told}");
    }
    romeo.send("<presence type='subscribe' to='sms.capulet.lit'/>").await;
    loop {
        let came = next(&mut romeo).await;
        if came.attr("from") == Some("sms.capulet.lit") && came.attr("type").is_none() {
            assert!(came.has_child("status", "jabber:client"), "{came:?}");
            break;
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_is_registered_in_two_steps_and_shown_masked_and_removed() {
    let (server, mut romeo) = world().await;
    let form = register(&mut romeo, "get", "").await;
    assert_eq!(field(&form, "phone").as_deref(), Some(""), "{form:?}");
    let wrong = register(&mut romeo, "set", "<phone>0170</phone>").await;
    assert!(
        text(&wrong).contains("not-acceptable") && text(&wrong).contains("country code"),
        "{wrong:?}"
    );
    let none = register(&mut romeo, "set", "").await;
    assert_eq!(none.attr("type"), Some("error"));
    let begun = register(&mut romeo, "set", &format!("<phone>{NUMBER}</phone>")).await;
    assert_eq!((begun.attr("type"), begun.children().count()), (Some("result"), 0));
    let form = register(&mut romeo, "get", "").await;
    assert_eq!(
        (field(&form, "phone"), field(&form, "code").as_deref()),
        (None, Some(""))
    );
    let code = |code: &str| {
        format!("<x xmlns='jabber:x:data' type='submit'><field var='code'><value>{code}</value></field></x>")
    };
    assert_eq!(
        register(&mut romeo, "set", &code("1")).await.attr("type"),
        Some("error")
    );
    assert_eq!(
        register(&mut romeo, "set", &code("123456")).await.attr("type"),
        Some("result")
    );
    let known = text(&register(&mut romeo, "get", "").await);
    assert!(known.contains("<registered") && known.contains(MASKED), "{known}");
    assert_eq!(
        register(&mut romeo, "set", "<remove/>").await.attr("type"),
        Some("result")
    );
    let form = register(&mut romeo, "get", "").await;
    assert_eq!(field(&form, "phone").as_deref(), Some(""));
    // Whatever was said, the number never came back.
    assert!(!romeo.text.contains("9876"), "{}", romeo.text);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_texts_the_code_is_told_where_to() {
    let (server, mut romeo) = world().await;
    register(&mut romeo, "set", &format!("<phone>{TEXTING}</phone>")).await;
    let told = body(&mut romeo).await;
    assert!(told.contains("123456") && told.contains("40404"), "{told}");
    let done = command(&mut romeo, "link", Some(&[("phone", TEXTING)])).await;
    assert!(
        text(&done).contains("completed") && text(&done).contains("40404"),
        "{done:?}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_are_found_and_link_change_and_unlink_a_phone() {
    let (server, mut romeo) = world().await;
    let node = "node='http://jabber.org/protocol/commands'";
    let items = format!("<query xmlns='http://jabber.org/protocol/disco#items' {node}/>");
    let items = iq(&mut romeo, "get", &items).await;
    let nodes: Vec<String> = items
        .children()
        .flat_map(Element::children)
        .filter_map(|item| item.attr("node"))
        .map(str::to_owned)
        .collect();
    assert_eq!(
        nodes,
        ["link", "status", "settings", "pin", "on", "off", "follows", "unlink"]
    );
    for node in &nodes {
        let info = format!("<query xmlns='http://jabber.org/protocol/disco#info' node='{node}'/>");
        assert!(text(&iq(&mut romeo, "get", &info).await).contains("command-node"));
    }
    for node in ["status", "settings", "pin"] {
        let none = command(&mut romeo, node, None).await;
        assert!(text(&none).contains("no phone is linked"), "{none:?}");
    }
    let asks = command(&mut romeo, "link", None).await;
    assert_eq!(field(&asks, "phone").as_deref(), Some(""));
    let asks = command(&mut romeo, "link", Some(&[("phone", NUMBER)])).await;
    assert_eq!(field(&asks, "code").as_deref(), Some(""));
    let done = command(&mut romeo, "link", Some(&[("code", " 123456 ")])).await;
    assert!(text(&done).contains("completed"), "{done:?}");
    let asks = command(&mut romeo, "settings", None).await;
    assert_eq!(field(&asks, "quiet").as_deref(), Some("21:00-08:00"));
    let filled = [
        ("timezone", "Europe/Rome"),
        ("quiet", ""),
        ("limit", "7"),
        ("messages", "0"),
        ("replies", "1"),
    ];
    command(&mut romeo, "settings", Some(&filled)).await;
    let wrong = command(&mut romeo, "settings", Some(&[("timezone", "Verona")])).await;
    assert!(text(&wrong).contains("not-acceptable"), "{wrong:?}");
    assert!(field(&command(&mut romeo, "pin", None).await, "pin").is_some());
    command(&mut romeo, "pin", Some(&[("pin", "4711")])).await;
    command(&mut romeo, "off", None).await;
    let status = command(&mut romeo, "status", None).await;
    let shown = |var: &str| field(&status, var).unwrap();
    assert_eq!(
        (shown("number"), shown("state"), shown("pin")),
        (MASKED.into(), "off".into(), "set".into())
    );
    assert_eq!(
        (shown("timezone"), shown("quiet"), shown("limit")),
        ("Europe/Rome".into(), String::new(), "7".into())
    );
    assert_eq!((shown("messages"), shown("replies")), ("0".into(), "1".into()));
    assert_eq!(
        field(&command(&mut romeo, "follows", None).await, "follows").as_deref(),
        Some("juliet")
    );
    command(&mut romeo, "unlink", None).await;
    assert!(text(&command(&mut romeo, "status", None).await).contains("no phone is linked"));
    let unknown = command(&mut romeo, "dance", None).await;
    assert!(text(&unknown).contains("item-not-found"), "{unknown:?}");
    assert!(
        !romeo.text.contains("9876") && !romeo.text.contains("4711"),
        "{}",
        romeo.text
    );
    server.stop().await;
}
