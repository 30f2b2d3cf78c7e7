//! Invitations: made by an account's client and by the operator, shown to browsers, and used, once, to make an account (XEP-0401,
//! XEP-0445) or a contact (XEP-0379).

use super::client::Client;
use super::export::reef;
use super::http::get;
use super::server::{DOMAIN, PASSWORD, Server};
use minidom::Element;
use reef_frontend::admin::{Request, Response};

const COMMANDS: &str = "http://jabber.org/protocol/commands";
const ROSTER: &str = "jabber:iq:roster";

async fn client(server: &Server, user: &str) -> Client {
    let mut client = Client::connect(server.address()).await;
    client.authenticate(user).await;
    client.bind("here").await;
    client
}

async fn ask(client: &mut Client, iq: &str) -> Element {
    client.send(iq).await;
    client.stanza().await.unwrap()
}

fn condition(answer: &Element) -> String {
    let error = answer.get_child("error", "jabber:client");
    let error = error.unwrap_or_else(|| panic!("no error: {answer:?}"));
    error.children().next().unwrap().name().to_owned()
}

/// What a command answers: the fields of its result.
async fn command(client: &mut Client, node: &str, form: &str) -> Element {
    let iq = format!(
        "<iq type='set' id='c' to='{DOMAIN}'><command xmlns='{COMMANDS}' node='urn:xmpp:invite#{node}'>{form}</command></iq>"
    );
    ask(client, &iq).await
}

fn field(answer: &Element, var: &str) -> String {
    let form = answer
        .get_child("command", COMMANDS)
        .unwrap()
        .children()
        .next()
        .unwrap();
    let field = form.children().find(|field| field.attr("var") == Some(var));
    let field = field.unwrap_or_else(|| panic!("no {var}: {answer:?}"));
    field.children().next().unwrap().text()
}

fn token(uri: &str) -> String {
    let (_, behind) = uri.split_once("preauth=").unwrap();
    behind.split(';').next().unwrap().to_owned()
}

/// Somebody without an account, who brings a token: the answer.
async fn bring(server: &Server, token: &str) -> (Client, Element) {
    let mut somebody = Client::connect(server.address()).await;
    somebody.open().await;
    let iq = format!("<iq type='set' id='p' to='{DOMAIN}'><preauth xmlns='urn:xmpp:pars:0' token='{token}'/></iq>");
    let answer = ask(&mut somebody, &iq).await;
    (somebody, answer)
}

async fn register(somebody: &mut Client, name: &str) -> Element {
    let iq = format!(
        "<iq type='set' id='r'><query xmlns='jabber:iq:register'><username>{name}</username>\
         <password>{PASSWORD}</password></query></iq>"
    );
    ask(somebody, &iq).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_makes_an_account_that_is_a_contact_once() {
    let sets = [
        "c2s.registration=invite",
        "http.public_url=https://capulet.lit/",
        "limits.invites_per_day=1",
    ];
    let server = Server::start(&sets.map(str::to_owned), &["romeo".to_owned()]).await;
    let mut romeo = client(&server, "romeo").await;
    ask(
        &mut romeo,
        "<iq type='get' id='q'><query xmlns='jabber:iq:roster'/></iq>",
    )
    .await;
    let made = command(&mut romeo, "invite", "").await;
    let (uri, page) = (field(&made, "uri"), field(&made, "landing-url"));
    assert!(
        uri.starts_with("xmpp:romeo@capulet.lit?roster;preauth=") && uri.ends_with(";ibr=y"),
        "{uri}"
    );
    assert!(field(&made, "expire").ends_with('Z'));
    assert_eq!(
        condition(&command(&mut romeo, "invite", "").await),
        "resource-constraint"
    );
    // It is nobody's to make accounts but administrators'.
    assert_eq!(condition(&command(&mut romeo, "create-account", "").await), "forbidden");
    let token = token(&uri);
    assert_eq!(page, format!("https://capulet.lit/invite/{token}"));
    let http = *server.running.http.first().unwrap();
    let shown = get(http, &format!("/invite/{token}"), "").await;
    assert!(
        shown.starts_with("HTTP/1.1 200 ") && shown.contains("no-store"),
        "{shown}"
    );
    assert!(shown.contains(&format!("<a href=\"{uri}\">")), "{shown}");
    // A token that is brought and not used is not used up; who has none makes no account.
    let (_, taken) = bring(&server, &token).await;
    assert_eq!(taken.attr("type"), Some("result"), "{taken:?}");
    let (mut stranger, refused) = bring(&server, "AAAA").await;
    assert_eq!(condition(&refused), "item-not-found");
    assert_eq!(condition(&register(&mut stranger, "tybalt").await), "not-allowed");
    let (mut juliet, _) = bring(&server, &token).await;
    let done = register(&mut juliet, "juliet").await;
    assert_eq!(done.attr("type"), Some("result"), "{done:?}");
    // He hears of it at once (XEP-0401 §6), and both have each other.
    let push = romeo.stanza().await.unwrap();
    let item = push.get_child("query", ROSTER).unwrap().children().next().unwrap();
    assert_eq!(
        (item.attr("jid"), item.attr("subscription")),
        (Some("juliet@capulet.lit"), Some("both"))
    );
    let mut juliet = client(&server, "juliet").await;
    let roster = ask(
        &mut juliet,
        "<iq type='get' id='q'><query xmlns='jabber:iq:roster'/></iq>",
    )
    .await;
    let item = roster.get_child("query", ROSTER).unwrap().children().next().unwrap();
    assert_eq!(
        (item.attr("jid"), item.attr("subscription")),
        (Some("romeo@capulet.lit"), Some("both"))
    );
    // Once.
    let (_, refused) = bring(&server, &token).await;
    assert_eq!(condition(&refused), "item-not-found");
    let gone = get(http, &format!("/invite/{token}"), "").await;
    assert!(gone.starts_with("HTTP/1.1 404 "), "{gone}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_for_presence_with_a_token_gets_it_and_is_asked_back() {
    let server = Server::start(&[], &["juliet", "romeo"].map(str::to_owned)).await;
    let mut romeo = client(&server, "romeo").await;
    let made = command(&mut romeo, "invite", "").await;
    let uri = field(&made, "uri");
    // Nobody registers here.
    assert!(!uri.contains("ibr"), "{uri}");
    romeo.send("<presence/>").await;
    assert_eq!(romeo.stanza().await.unwrap().name(), "presence");
    ask(
        &mut romeo,
        "<iq type='get' id='q'><query xmlns='jabber:iq:roster'/></iq>",
    )
    .await;
    let mut juliet = client(&server, "juliet").await;
    let request = format!(
        "<presence to='romeo@capulet.lit' type='subscribe'><preauth xmlns='urn:xmpp:pars:0' token='{}'/></presence>",
        token(&uri)
    );
    juliet.send(&format!("<presence/>{request}")).await;
    let mut kinds = Vec::new();
    while kinds.len() < 2 {
        let stanza = juliet.stanza().await.unwrap();
        let kind = stanza.attr("type").filter(|_| stanza.name() == "presence");
        kinds.extend(kind.map(str::to_owned));
    }
    kinds.sort();
    assert_eq!(kinds, ["subscribe", "subscribed"]);
    // He is asked nothing: his roster alone says it.
    romeo
        .send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await;
    let mut last = String::new();
    loop {
        let stanza = romeo.stanza().await.unwrap();
        assert_ne!(stanza.attr("type"), Some("subscribe"), "{stanza:?}");
        if stanza.attr("id") == Some("p") {
            break;
        }
        let item = stanza
            .get_child("query", ROSTER)
            .and_then(|query| query.children().next());
        last = item.map_or(last, |item| {
            format!("{:?} {:?}", item.attr("subscription"), item.attr("ask"))
        });
    }
    assert_eq!(last, "Some(\"from\") Some(\"subscribe\")");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_invites_to_an_account_whose_name_is_kept() {
    let sets = [
        "c2s.registration=open",
        "c2s.admins=romeo@capulet.lit",
        "limits.registrations_per_minute=0",
    ];
    let server = Server::start(&sets.map(str::to_owned), &["romeo".to_owned()]).await;
    let (jid, contact) = (
        Some("juliet@capulet.lit".to_owned()),
        Some("romeo@capulet.lit".to_owned()),
    );
    let Response::Done(said) = server.ask(Request::UserInvite { jid, contact, days: 2 }).await else {
        panic!("nothing was said");
    };
    let uri = said["uri"].as_str().unwrap();
    assert!(uri.starts_with("xmpp:juliet@capulet.lit?register;preauth="), "{said}");
    assert!(said["expires"].as_str().unwrap().ends_with('Z'), "{said}");
    // The name is kept, also where everybody may register.
    let (mut other, _) = bring(&server, "AAAA").await;
    assert_eq!(condition(&register(&mut other, "juliet").await), "conflict");
    assert_eq!(register(&mut other, "nurse").await.attr("type"), Some("result"));
    let (mut invited, _) = bring(&server, &token(uri)).await;
    let form = ask(
        &mut invited,
        "<iq type='get' id='f'><query xmlns='jabber:iq:register'/></iq>",
    )
    .await;
    let name = form
        .get_child("query", "jabber:iq:register")
        .unwrap()
        .get_child("username", "jabber:iq:register");
    assert_eq!(name.unwrap().text(), "juliet");
    assert_eq!(condition(&register(&mut invited, "tybalt").await), "not-allowed");
    assert_eq!(register(&mut invited, "juliet").await.attr("type"), Some("result"));
    // An administrator does the same from his client.
    let mut romeo = client(&server, "romeo").await;
    let asked = command(&mut romeo, "create-account", "").await;
    assert!(
        asked.get_child("command", COMMANDS).unwrap().attr("status") == Some("executing"),
        "{asked:?}"
    );
    let form = "<x xmlns='jabber:x:data' type='submit'><field var='username'><value>Paris</value></field></x>";
    let made = command(&mut romeo, "create-account", form).await;
    assert!(
        field(&made, "uri").starts_with("xmpp:paris@capulet.lit?register;preauth="),
        "{made:?}"
    );
    // From the command line, of the running server; where nobody may register there is nothing to invite to.
    reef(server.data(), &["user", "invite", "--days", "3", "--json"])
        .await
        .unwrap();
    let refused = reef(server.data(), &["user", "invite", "--days", "0"])
        .await
        .unwrap_err();
    assert!(refused.contains("--days is 1 to"), "{refused}");
    let data = server.stop().await;
    let refused = reef(data.path(), &["user", "invite"]).await.unwrap_err();
    assert!(refused.contains("c2s.registration"), "{refused}");
}
