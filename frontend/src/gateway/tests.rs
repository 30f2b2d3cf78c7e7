//! The gateway within a server: clients on real sockets, phones of the simulator on SMPP.

#[path = "../../tests/scripts/client.rs"]
#[allow(dead_code, reason = "the scripts need more of it")]
mod client;
#[path = "../../tests/scripts/part/echo.rs"]
mod echo;
mod phones;
#[path = "../../tests/scripts/server.rs"]
#[allow(dead_code, reason = "the scripts need more of it")]
mod server;
mod social;

use client::Client;
use minidom::Element;
use reef_frontend::admin::{Request, Response};
use serde_json::json;
use server::Server;

const NUMBER: &str = "+491709876567";
const MASKED: &str = "+4917••••••67";

/// A server with a route whose senders are trusted, or not, and Romeo's client.
async fn world(trust: &str) -> (Server, Client) {
    let sets = [
        format!("sms.route=[{{name=\"sim\",kind=\"simulator\",number=\"40404\",mo_trust=\"{trust}\"}}]"),
        "sms.country=[{prefix=\"+49\",sender=\"40404\",price=0.01}]".to_owned(),
        "c2s.registration=open".to_owned(),
    ];
    let data = tempfile::tempdir().unwrap();
    let accounts = ["romeo", "juliet"].map(str::to_owned);
    let server = Server::start_made(data, &sets, &accounts, super::make).await;
    let romeo = connect(&server, "romeo").await;
    (server, romeo)
}

async fn connect(server: &Server, user: &str) -> Client {
    let mut client = Client::connect(server.address()).await;
    client.authenticate(user).await;
    client.bind("here").await;
    client.send("<presence/>").await;
    next(&mut client).await;
    client
}

async fn next(client: &mut Client) -> Element {
    client.stanza().await.expect("a stream that goes on")
}

/// What a phone got so far, and perhaps a text from it.
async fn phone(server: &Server, text: Option<&str>) -> Vec<String> {
    let words = json!({ "simulate": NUMBER, "text": text });
    match server.ask(Request::Part { words }).await {
        Response::Rows { rows, .. } => rows
            .iter()
            .map(|row| row["text"].as_str().unwrap().to_owned())
            .collect(),
        other => panic!("{other:?}"),
    }
}

/// The first text with these words that the phone gets.
async fn texted(server: &Server, words: &str) -> String {
    loop {
        let got = phone(server, None).await;
        if let Some(text) = got.into_iter().find(|text| text.contains(words)) {
            return text;
        }
    }
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

async fn say(client: &mut Client, words: &str) -> String {
    client
        .send(&format!(
            "<message type='chat' to='sms.capulet.lit'><body>{words}</body></message>"
        ))
        .await;
    body(client).await
}

/// The six digits in a text.
fn code(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_ascii_digit());
    words
        .filter(|word| word.len() == 6)
        .map(str::to_owned)
        .next()
        .expect("a code")
}

/// That nothing ever held what was typed.
fn silent(client: &Client, words: &[&str]) {
    for word in words {
        assert!(!client.text.contains(word), "{word} in {}", client.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_to_the_contact_is_a_command_and_it_answers() {
    let (server, mut romeo) = world("carrier").await;
    assert!(say(&mut romeo, "HELP").await.contains("Reef"));
    assert!(say(&mut romeo, "Good morning").await.contains("POST"));
    let told = say(&mut romeo, NUMBER).await;
    assert!(told.contains("LINK"), "{told}");
    assert!(say(&mut romeo, "654321").await.contains("not right"));
    for (payload, answer) in [
        ("<encrypted xmlns='eu.siacs.conversations.axolotl'/>", "encrypted"),
        ("<replace xmlns='urn:xmpp:message-correct:0' id='1'/>", "correct"),
    ] {
        let message = format!("<message type='chat' to='sms.capulet.lit'><body>POST no</body>{payload}</message>");
        romeo.send(&message).await;
        let told = body(&mut romeo).await;
        assert!(told.contains(answer), "{told}");
    }
    romeo.send("<presence type='subscribe' to='sms.capulet.lit'/>").await;
    loop {
        let came = next(&mut romeo).await;
        if came.attr("from") == Some("sms.capulet.lit") && came.attr("type").is_none() {
            assert!(came.has_child("status", "jabber:client"), "{came:?}");
            break;
        }
    }
    let info = iq(
        &mut romeo,
        "get",
        "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    )
    .await;
    let info = text(&info);
    for part in ["gateway", "jabber:iq:register", "http://jabber.org/protocol/commands"] {
        assert!(info.contains(part), "{info}");
    }
    silent(&romeo, &["9876"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_is_registered_in_two_steps_and_shown_masked_and_removed() {
    let (server, mut romeo) = world("spoofable").await;
    let form = register(&mut romeo, "get", "").await;
    assert_eq!(field(&form, "phone").as_deref(), Some(""), "{form:?}");
    for wrong in ["<phone>0170</phone>", "<phone>+391701234567</phone>", ""] {
        let refused = register(&mut romeo, "set", wrong).await;
        assert!(text(&refused).contains("not-acceptable"), "{refused:?}");
    }
    let begun = register(&mut romeo, "set", &format!("<phone>{NUMBER}</phone>")).await;
    assert_eq!(
        (begun.attr("type"), begun.children().count()),
        (Some("result"), 0),
        "{begun:?}"
    );
    let form = register(&mut romeo, "get", "").await;
    assert_eq!(
        (field(&form, "phone"), field(&form, "code").as_deref()),
        (None, Some(""))
    );
    let typed = |code: &str| {
        format!("<x xmlns='jabber:x:data' type='submit'><field var='code'><value>{code}</value></field></x>")
    };
    assert_eq!(
        register(&mut romeo, "set", &typed("1")).await.attr("type"),
        Some("error")
    );
    let code = code(&texted(&server, "code").await);
    let done = register(&mut romeo, "set", &typed(&code)).await;
    assert_eq!(done.attr("type"), Some("result"), "{done:?}");
    let known = text(&register(&mut romeo, "get", "").await);
    assert!(known.contains("<registered") && known.contains(MASKED), "{known}");
    assert_eq!(
        register(&mut romeo, "set", "<remove/>").await.attr("type"),
        Some("result")
    );
    let form = register(&mut romeo, "get", "").await;
    assert_eq!(field(&form, "phone").as_deref(), Some(""));
    silent(&romeo, &["9876"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_are_found_and_link_change_and_unlink_a_phone() {
    let (server, mut romeo) = world("spoofable").await;
    let node = "node='http://jabber.org/protocol/commands'";
    let items = format!("<query xmlns='http://jabber.org/protocol/disco#items' {node}/>");
    let items = iq(&mut romeo, "get", &items).await;
    let items = items.children().flat_map(Element::children);
    let nodes: Vec<String> = items.filter_map(|item| item.attr("node")).map(str::to_owned).collect();
    assert_eq!(
        nodes,
        ["link", "status", "settings", "pin", "on", "off", "follows", "unlink"]
    );
    for node in &nodes {
        let info = format!("<query xmlns='http://jabber.org/protocol/disco#info' node='{node}'/>");
        assert!(text(&iq(&mut romeo, "get", &info).await).contains("command-node"));
    }
    for node in ["status", "settings", "pin", "follows", "unlink"] {
        let none = text(&command(&mut romeo, node, None).await);
        assert!(none.contains("no phone is linked"), "{none}");
    }
    let asks = command(&mut romeo, "link", None).await;
    assert_eq!(field(&asks, "phone").as_deref(), Some(""));
    let asks = command(&mut romeo, "link", Some(&[("phone", NUMBER)])).await;
    assert_eq!(field(&asks, "code").as_deref(), Some(""), "{asks:?}");
    let typed = format!(" {} ", code(&texted(&server, "code").await));
    let done = command(&mut romeo, "link", Some(&[("code", &typed)])).await;
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
    let done = command(&mut romeo, "settings", Some(&filled)).await;
    assert!(text(&done).contains("completed"), "{done:?}");
    let wrong = command(&mut romeo, "settings", Some(&[("timezone", "Verona")])).await;
    assert!(text(&wrong).contains("not-acceptable"), "{wrong:?}");
    assert!(field(&command(&mut romeo, "pin", None).await, "pin").is_some());
    command(&mut romeo, "pin", Some(&[("pin", "4711")])).await;
    command(&mut romeo, "off", None).await;
    let status = command(&mut romeo, "status", None).await;
    let shown = |var: &str| field(&status, var).unwrap();
    assert_eq!(
        ["number", "state", "pin"].map(shown),
        [MASKED, "off", "set"],
        "{status:?}"
    );
    assert_eq!(
        ["timezone", "limit", "messages", "replies"].map(shown),
        ["Europe/Rome", "7", "0", "1"]
    );
    let none = text(&command(&mut romeo, "follows", None).await);
    assert!(none.contains("completed"), "{none}");
    command(&mut romeo, "unlink", None).await;
    assert!(text(&command(&mut romeo, "status", None).await).contains("no phone is linked"));
    let unknown = command(&mut romeo, "dance", None).await;
    assert!(text(&unknown).contains("item-not-found"), "{unknown:?}");
    silent(&romeo, &["9876", "4711"]);
    server.stop().await;
}
