//! Accounts made in-band.

use super::{Client, Server, header};

fn set(id: &str, fields: &str) -> String {
    format!("<iq type='set' id='{id}'><query xmlns='jabber:iq:register'>{fields}</query></iq>")
}

fn account(name: &str, password: &str) -> String {
    set(
        "reg",
        &format!("<username>{name}</username><password>{password}</password>"),
    )
}

async fn open(sets: &[&str]) -> Server {
    let sets = [&["c2s.registration=open"], sets].concat();
    Server::start(&sets).await
}

#[tokio::test]
async fn a_new_account_can_log_in_on_the_same_stream() {
    let mut server = open(&[]).await;
    let (mut client, features) = Client::secure(&server).await;
    let feature = "<register xmlns='http://jabber.org/features/iq-register'/></stream:features>";
    assert!(features.ends_with(feature), "{features}");
    let form = client
        .ask(
            "<iq type='get' id='f'><query xmlns='jabber:iq:register'/></iq>",
            "</iq>",
        )
        .await;
    assert_eq!(
        form,
        "<iq type='result' id='f'><query xmlns='jabber:iq:register'><instructions>Choose a user name and a password.\
         </instructions><username/><password/></query></iq>"
    );
    assert_eq!(
        client.ask(&account("Romeo", "jul13t"), "</iq>").await,
        "<iq type='result' id='reg'></iq>"
    );
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHJvbWVvAGp1bDEzdA==</auth>";
    client
        .ask(auth, "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
        .await;
    assert_eq!(server.handed().await.user.as_str(), "romeo@capulet.example");
}

#[tokio::test]
async fn every_refusal_has_its_condition() {
    let server = open(&["limits.registrations_per_minute=0"]).await;
    let (mut client, _) = Client::secure(&server).await;
    for (request, kind, condition) in [
        (account("juliet", "x"), "cancel", "conflict"),
        (account("JULIET", "x"), "cancel", "conflict"),
        (account("admin", "x"), "cancel", "not-allowed"),
        (account("a b", "x"), "modify", "jid-malformed"),
        (account("a@b", "x"), "modify", "jid-malformed"),
        (account("romeo", ""), "modify", "not-acceptable"),
        (account("romeo", "\u{ad}"), "modify", "not-acceptable"),
        (account("romeo", "\u{7f}"), "modify", "not-acceptable"),
        (account("", "x"), "modify", "not-acceptable"),
        (set("reg", ""), "modify", "not-acceptable"),
        (set("reg", "<remove/>"), "wait", "unexpected-request"),
        (set("reg", "<remove/><username>a</username>"), "modify", "bad-request"),
    ] {
        let answer = client.ask(&request, "</iq>").await;
        let expected = format!("<error type='{kind}'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>");
        assert!(
            answer.starts_with("<iq ") && answer.contains(" id='reg'"),
            "{request}: {answer}"
        );
        assert!(answer.contains(&expected), "{request}: {answer}");
    }
}

#[tokio::test]
async fn an_address_registers_only_so_many_accounts() {
    let server = open(&["limits.registrations_per_minute=1"]).await;
    let (mut client, _) = Client::secure(&server).await;
    let made = client.ask(&account("romeo", "x"), "</iq>").await;
    assert!(made.contains("type='result'"), "{made}");
    let refused = client.ask(&account("tybalt", "x"), "</iq>").await;
    assert!(
        refused.contains("<error type='wait'><resource-constraint "),
        "{refused}"
    );
}

#[tokio::test]
async fn where_registration_is_closed_it_is_no_service() {
    let server = Server::start(&["c2s.registration=closed"]).await;
    let (mut client, features) = Client::secure(&server).await;
    assert!(!features.contains("<register "), "{features}");
    let preauth = "<iq type='set' id='p'><preauth xmlns='urn:xmpp:pars:0' token='x'/></iq>";
    for request in [&account("romeo", "x"), preauth] {
        let answer = client.ask(request, "</iq>").await;
        assert!(
            answer.contains("<error type='cancel'><service-unavailable "),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn who_is_not_invited_registers_nothing_where_that_is_asked() {
    let server = Server::start(&["c2s.registration=invite"]).await;
    let (mut client, features) = Client::secure(&server).await;
    assert!(
        features.contains("<register xmlns='urn:xmpp:ibr-token:0'/>"),
        "{features}"
    );
    let preauth = "<iq type='set' id='p'><preauth xmlns='urn:xmpp:pars:0' token='x'/></iq>";
    let keyed = set("reg", "<username>romeo</username><password>x</password><key>x</key>");
    for (request, condition) in [
        (account("romeo", "x"), "not-allowed"),
        (preauth.to_owned(), "item-not-found"),
        (keyed, "item-not-found"),
    ] {
        let answer = client.ask(&request, "</iq>").await;
        assert!(
            answer.contains(&format!("<error type='cancel'><{condition} ")),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn the_number_of_requests_before_login_is_bounded() {
    let server = open(&[]).await;
    let (mut client, _) = Client::secure(&server).await;
    let form = "<iq type='get' id='f'><query xmlns='jabber:iq:register'/></iq>";
    client.send(&form.repeat(65)).await;
    let rest = client.rest().await;
    assert!(rest.contains("<policy-violation "), "{rest}");
}

#[tokio::test]
async fn extra_features_stand_beside_the_mechanisms() {
    let extra = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>";
    let server = Server::start_with(&[], |context| context.features_extra = extra.as_bytes().to_vec()).await;
    let (_, features) = Client::secure(&server).await;
    assert!(features.ends_with(&format!("{extra}</stream:features>")), "{features}");
    let mut plain = Client::connect(server.starttls).await;
    let features = plain.ask(&header("capulet.example"), "</stream:features>").await;
    assert!(!features.contains(extra), "{features}");
}
