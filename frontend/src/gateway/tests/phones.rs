//! Phones and clients of one network: what one says the other gets.

use super::{Client, NUMBER, body, code, command, connect, next, phone, register, say, silent, text, texted, world};
use reef_frontend::admin::{Request, Response};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_proves_itself_posts_is_written_to_and_stops() {
    let (server, mut romeo) = world("carrier").await;
    register(&mut romeo, "set", &format!("<phone>{NUMBER}</phone>")).await;
    let told = body(&mut romeo).await;
    assert!(told.contains("40404"), "{told}");
    phone(&server, Some(&code(&told))).await;
    texted(&server, "romeo").await;
    let filled = [("quiet", "")];
    let done = text(&command(&mut romeo, "settings", Some(&filled)).await);
    assert!(done.contains("completed"), "{done}");
    let mut juliet = connect(&server, "juliet").await;
    let follow = "<iq type='set' id='f' to='romeo@capulet.lit'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
        <subscribe node='urn:xmpp:microblog:0' jid='juliet@capulet.lit'/></pubsub></iq>";
    phone(&server, Some("But soft, what light")).await;
    loop {
        juliet.send(follow).await;
        let answer = next(&mut juliet).await;
        if answer.attr("type") == Some("result") {
            break;
        }
    }
    phone(&server, Some("It is the east")).await;
    while !text(&next(&mut juliet).await).contains("It is the east") {}
    romeo.send("<presence type='unavailable'/>").await;
    next(&mut romeo).await;
    juliet
        .send("<message type='chat' to='romeo@capulet.lit'><body>art thou there?</body></message>")
        .await;
    assert_eq!(texted(&server, "art thou").await, "DM @juliet: art thou there?");
    phone(&server, Some("D juliet by a name")).await;
    assert_eq!(body(&mut juliet).await, "by a name");
    phone(&server, Some("STOP")).await;
    texted(&server, "unsubscribed").await;
    let state = async || {
        let words = json!({ "number": "show", "e164": NUMBER });
        match server.ask(Request::Part { words }).await {
            Response::Done(shown) => shown["state"].as_str().unwrap().to_owned(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(state().await, "stopped");
    silent(&romeo, &["9876"]);
    silent(&juliet, &["9876"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_is_linked_by_a_chat_and_gets_the_posts_of_whom_it_follows() {
    let (server, mut romeo) = world("spoofable").await;
    let mut juliet = connect(&server, "juliet").await;
    assert!(say(&mut juliet, "POST wherefore").await.is_ascii());
    let asked = say(&mut romeo, &format!("link {NUMBER}")).await;
    assert!(asked.contains("code"), "{asked}");
    let code = code(&texted(&server, "code").await);
    assert_eq!(say(&mut romeo, &code).await, "Your phone is linked.");
    command(&mut romeo, "settings", Some(&[("quiet", "")])).await;
    let followed = say(&mut romeo, "FOLLOW juliet").await;
    assert!(followed.contains("juliet"), "{followed}");
    say(&mut juliet, "POST deny thy father").await;
    assert_eq!(texted(&server, "deny thy").await, "@juliet: deny thy father");
    let shown = text(&command(&mut romeo, "follows", None).await);
    assert!(shown.contains("juliet"), "{shown}");
    silent(&romeo, &["9876"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_made_by_text_message() {
    let (server, romeo) = world("carrier").await;
    phone(&server, Some("JOIN tybalt")).await;
    texted(&server, "YES").await;
    phone(&server, Some("YES")).await;
    texted(&server, "tybalt").await;
    let jid = "tybalt@capulet.lit".to_owned();
    loop {
        let performer = server.running.performer();
        let request = Request::UserShow { jid: jid.clone() };
        let shown = tokio::task::spawn_blocking(move || performer.perform(request));
        if let Response::Done(_) = shown.await.unwrap() {
            break;
        }
    }
    // What it is given logs in, until it has its own.
    phone(&server, Some("UNLINK")).await;
    texted(&server, "text PASSWORD").await;
    phone(&server, Some("PASSWORD")).await;
    let given = texted(&server, "logs in tybalt@capulet.lit within 60 minutes").await;
    let (password, _) = given.split_once(' ').unwrap();
    let mut tybalt = Client::connect(server.address()).await;
    tybalt.authenticate_with("tybalt", password).await;
    tybalt.bind("here").await;
    let own = "<iq type='set' id='p'><query xmlns='jabber:iq:register'>\
        <username>tybalt</username><password>good king of cats</password></query></iq>";
    tybalt.send(own).await;
    assert_eq!(next(&mut tybalt).await.attr("type"), Some("result"));
    phone(&server, Some("PASSWORD")).await;
    texted(&server, "@tybalt has a password").await;
    phone(&server, Some("UNLINK")).await;
    texted(&server, "linked no longer").await;
    drop(romeo);
    server.stop().await;
}
