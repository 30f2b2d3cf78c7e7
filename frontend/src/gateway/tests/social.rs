//! What phones do is done by accounts: the gateway's view of the network, over a server with sessions.

use super::super::network::Social;
use super::echo::Echo;
use super::server::Server;
use super::{body, next, text};
use crate::gateway::tests::client::Client;
use reef_frontend::part::Part;
use reef_sms::network::{Action, Network, Refused};
use std::sync::Arc;
use tokio::sync::oneshot;

const ROMEO: &str = "romeo@capulet.lit";
const JULIET: &str = "juliet@capulet.lit";

async fn world() -> (Server, Arc<Social>) {
    let echo = Echo::new();
    let part: Arc<dyn Part> = echo.clone();
    let sets = ["c2s.registration=open", "http.public_url=https://capulet.lit"].map(str::to_owned);
    let accounts = ["romeo", "juliet"].map(str::to_owned);
    let server = Server::start_with(&sets, &accounts, Some(part)).await;
    let host = echo.host();
    let engine = host.engine().expect("a server that runs");
    let social = Social {
        host,
        engine,
        open: true,
    };
    (server, Arc::new(social))
}

async fn act(social: &Social, account: &str, action: Action) -> Result<(), Refused> {
    let (tell, told) = oneshot::channel();
    social.act(account, action, Box::new(move |done| drop(tell.send(done))));
    told.await.expect("it is called")
}

fn post(id: &str, text: &str) -> Action {
    Action::Post {
        id: id.to_owned(),
        text: text.to_owned(),
        reply: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_phone_asks_for_an_account_does() {
    let (server, social) = world().await;
    assert_eq!(act(&social, JULIET, post("j1", "wherefore")).await, Ok(()));
    let jid: Arc<str> = JULIET.into();
    assert_eq!(act(&social, ROMEO, Action::Follow { jid: jid.clone() }).await, Ok(()));
    let mut romeo = Client::connect(server.address()).await;
    romeo.authenticate("romeo").await;
    romeo.bind("here").await;
    romeo.send("<presence/>").await;
    next(&mut romeo).await;
    assert_eq!(act(&social, JULIET, post("j2", "deny thy father")).await, Ok(()));
    assert!(text(&next(&mut romeo).await).contains("deny thy father"));
    let of = (social.microblog(JULIET), Arc::from("j2"));
    let reply = Action::Post {
        id: "r1".to_owned(),
        text: "I take thee at thy word".to_owned(),
        reply: Some(of.clone()),
    };
    for action in [
        reply,
        Action::Like { of: of.clone() },
        Action::Repeat {
            id: "r2".to_owned(),
            of,
        },
        Action::Name {
            name: "Romeo".to_owned(),
        },
        Action::Report { jid: jid.clone() },
        Action::Retract { item: "r1".to_owned() },
        Action::Unfollow { jid: jid.clone() },
        Action::Block { jid: jid.clone() },
        Action::Unblock { jid: jid.clone() },
        Action::Message {
            id: "m1".to_owned(),
            to: jid.clone(),
            text: "adieu".to_owned(),
        },
    ] {
        assert_eq!(act(&social, ROMEO, action.clone()).await, Ok(()), "{action:?}");
    }
    let nobody = Action::Follow {
        jid: "nobody@capulet.lit".into(),
    };
    assert_eq!(act(&social, ROMEO, nobody).await, Err(Refused::NotFound));
    let none = Action::Follow { jid: "no jid@".into() };
    assert_eq!(act(&social, ROMEO, none).await, Err(Refused::NotFound));
    let join = async |jid: &str, maker| act(&social, jid, Action::Join { maker }).await;
    for again in [5, 5] {
        assert_eq!(join("tybalt@capulet.lit", again).await, Ok(()));
    }
    assert_eq!(join("tybalt@capulet.lit", 6).await, Err(Refused::Taken));
    assert_eq!(join("tybalt@montague.lit", 5).await, Err(Refused::NotFound));
    assert_eq!(social.maker("tybalt@capulet.lit"), Ok(Some(5)));
    assert_eq!(social.maker(ROMEO), Ok(None));
    social.tell(ROMEO, "you have texts");
    assert_eq!(body(&mut romeo).await, "you have texts");
    drop(social);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_call_people_by_their_names_here() {
    let (server, social) = world().await;
    assert!(social.is_open());
    assert_eq!(social.short(ROMEO), "romeo");
    assert_eq!(social.short("mercutio@montague.lit"), "mercutio@montague.lit");
    let link = social.web_link(ROMEO, "a");
    assert_eq!(link.as_deref(), Some("https://capulet.lit/u/romeo/a"));
    let entry = "<entry xmlns='http://www.w3.org/2005/Atom'><title>t</title>\
        <link rel='via' href='xmpp:juliet@capulet.lit?;node=n;item=i'/></entry>";
    let said = social.said(entry.as_bytes()).expect("an entry");
    assert_eq!(
        (said.text.as_str(), said.repeats.as_deref(), said.replies),
        ("t", Some(JULIET), false)
    );
    let resolved = tokio::task::spawn_blocking(move || (social.resolve("Romeo"), social.resolve("nobody")));
    assert_eq!(resolved.await.unwrap(), (Some(ROMEO.into()), None));
    server.stop().await;
}
