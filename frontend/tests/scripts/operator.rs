//! What operators say and read: contact addresses with the hash that stands for them.

use super::client::Client;
use super::server::{DOMAIN, Server};
use reef_stanza::caps;
use xmpp_parsers::disco::DiscoInfoResult;

async fn client(server: &Server, user: &str) -> Client {
    let mut client = Client::connect(server.address()).await;
    client.authenticate(user).await;
    client.bind("here").await;
    client
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
