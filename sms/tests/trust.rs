//! By a route on which anybody may say that he is somebody else, a text proves nothing: it counts by which route this text came.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::read;
use common::room::{ANYBODY, CARRIER, Room};
use common::town::Town;
use reef_sms::gateway::Proof;
use reef_sms::network::Action;
use reef_sms::schedule::Status;
use reef_sms::tables::rows::State;

const ANN: &str = "+12025550101";
const PROVE: &str = "This number must be proved first";
const AGAIN: &str = "Please prove this phone anew";

/// Alice posts, and the first phone gets nothing of it.
fn gets_no_post(room: &mut Room) {
    room.world.post("alice", "1", "hello");
    room.world.pass(10_000);
    assert!(!room.world.got(1).contains(&"@alice: hello".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn follow_and_yes_by_a_route_of_anybody_bring_no_posts() {
    let mut room = Room::new();
    room.world.publisher("alice");
    assert!(room.asks(ANYBODY, 1, "follow alice").await.starts_with(PROVE));
    room.asks(ANYBODY, 1, "yes").await;
    gets_no_post(&mut room);
    // The same phone, by a route that vouches for it.
    assert!(room.asks(CARRIER, 1, "follow alice").await.contains("reply YES"));
    assert!(room.asks(CARRIER, 1, "yes").await.contains("you now get @alice"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn yes_by_a_route_of_anybody_answers_no_question_of_another_route() {
    let mut room = Room::new();
    room.world.publisher("alice");
    room.asks(CARRIER, 1, "follow alice").await;
    assert!(room.asks(ANYBODY, 1, "yes").await.starts_with(PROVE));
    gets_no_post(&mut room);
    assert!(
        room.asks(CARRIER, 1, "yes").await.contains("you now get @alice"),
        "the question stays"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_gets_nobody_else_and_nothing_again_by_a_route_of_anybody() {
    let mut room = Room::new();
    room.world.publisher("alice");
    room.world.publisher("bob");
    room.asks(CARRIER, 1, "follow alice").await;
    room.asks(CARRIER, 1, "yes").await;
    for wish in ["follow bob", "on alice", "on", "set limit 200"] {
        assert!(room.asks(ANYBODY, 1, wish).await.starts_with(PROVE), "{wish}");
    }
    assert!(
        room.asks(ANYBODY, 1, "off").await.contains("until you send ON"),
        "less may be asked by anybody"
    );
    assert!(room.asks(ANYBODY, 1, "start").await.starts_with(AGAIN));
    gets_no_post(&mut room);
    assert_eq!(room.asks(CARRIER, 1, "who").await, "You get @alice.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_its_network_did_not_know_is_heard_again_once_it_says_something() {
    let mut room = Room::new();
    room.follows(1, "alice").await;
    let id = room.world.id(1);
    room.world.answers([Some(Status::Never(0x0b, true))]);
    room.world.post("alice", "1", "hello");
    room.world.pass(4_000);
    assert_eq!(read(room.world.rows().number(id)).unwrap().state, State::Bad);
    assert!(room.asks(CARRIER, 1, "help").await.contains("posts by text"));
    assert_eq!(read(room.world.rows().number(id)).unwrap().state, State::Dormant);
    assert_eq!(read(room.world.rows().usage(id)).strikes, 0);
    assert!(room.asks(CARRIER, 1, "follow alice").await.contains("reply YES"));
    room.world.post("alice", "2", "not without a yes");
    room.world.pass(4_000);
    assert!(room.asks(CARRIER, 1, "start").await.contains("you get texts again"));
    room.world.post("alice", "3", "again");
    room.world.pass(4_000);
    let posts = room.world.got(1);
    let posts: Vec<&String> = posts.iter().filter(|text| text.starts_with("@alice")).collect();
    assert_eq!(posts, ["@alice: again"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_made_where_this_text_came_by_a_route_that_vouches_for_it() {
    let mut room = Room::new();
    room.world.names.accounts.lock().unwrap().insert("alice@here".into());
    // First heard by one route, the number may join by the other, and the other way round.
    room.asks(CARRIER, 1, "hello").await;
    assert!(
        room.asks(ANYBODY, 1, "join ann")
            .await
            .contains("not made by text message")
    );
    room.asks(ANYBODY, 2, "hello").await;
    assert!(room.asks(CARRIER, 2, "join ben").await.contains("reply YES"));
    assert!(room.asks(ANYBODY, 2, "yes").await.starts_with(PROVE));
    assert!(room.world.names.acts().is_empty());
    assert!(room.asks(CARRIER, 2, "yes").await.contains("welcome @ben"));
    assert_eq!(room.world.names.acts(), [Action::Join { maker: 2 }]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_by_a_route_of_anybody_lifts_no_stop_and_is_answered_once_a_day() {
    let mut room = Room::new();
    room.follows(1, "alice").await;
    assert!(
        room.asks(ANYBODY, 1, "STOP").await.contains("unsubscribed"),
        "STOP is for everybody"
    );
    assert!(room.asks(ANYBODY, 1, "START").await.starts_with(AGAIN));
    for text in ["START", "yes", "unstop"] {
        assert_eq!(room.asks(ANYBODY, 1, text).await, "", "{text}");
    }
    gets_no_post(&mut room);
    assert!(room.asks(CARRIER, 1, "START").await.contains("you get texts again"));
    room.world.post("alice", "2", "hello again");
    room.world.pass(10_000);
    assert_eq!(room.world.got(1).last().unwrap(), "@alice: hello again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_by_a_route_of_anybody_resumes_with_a_code_that_is_typed_in_an_account() {
    let mut town = Town::by("spoofable", "").await;
    assert!(town.asks(ANN, "STOP").await.contains("unsubscribed"));
    let refused = town.link("bob@here", ANN).await.unwrap_err();
    assert!(refused.contains("has said STOP"), "{refused}");
    assert!(town.asks(ANN, "START").await.starts_with(AGAIN));
    assert_eq!(town.link("bob@here", ANN).await, Ok(Proof::TypedHere));
    let (to, text) = town.gets().await;
    let code = text.split_once("your code is ").unwrap().1[..6].to_owned();
    assert_eq!(to, ANN);
    let wrong = if code == "000000" { "111111" } else { "000000" };
    assert!(town.prove("bob@here", wrong).await.is_err());
    assert_eq!(town.status("bob@here").await, None);
    assert_eq!(town.prove("bob@here", &code).await, Ok(()));
    assert_eq!(town.status("bob@here").await.unwrap().state, "on");
    assert!(town.prove("bob@here", &code).await.is_err(), "it is used up");
    town.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_follows_whom_his_phone_gets() {
    let mut room = Room::new();
    let known = ["alice@here".into(), "bob@here".into()];
    room.world.names.accounts.lock().unwrap().extend(known);
    room.follows(1, "alice").await;
    room.joins(1, "walter").await;
    let follow = Action::Follow {
        jid: "alice@here".into(),
    };
    assert!(
        room.world.names.acts().contains(&follow),
        "{:?}",
        room.world.names.acts()
    );
}
