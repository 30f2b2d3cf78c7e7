//! Texts as people write them, and what they mean.

use super::*;

const LINKED: Sender = Sender {
    posts: true,
    asked: false,
    pin: false,
};
const NOBODY: Sender = Sender {
    posts: false,
    asked: false,
    pin: false,
};

fn meaning(text: &str, sender: Sender) -> Meaning {
    read(text, sender, &Stops::new(&["basta".into()]))
}

fn command(text: &str) -> Option<Command> {
    match meaning(text, LINKED) {
        Meaning::Command(None, command) => Some(command),
        _ => None,
    }
}

#[test]
fn stop_is_heard_in_every_disguise_from_everybody() {
    let disguises = "STOP|stop|Stop.|  stop  |\"Stop\"|STOP!!!|s\u{200b}top|ＳＴＯＰ|stop 🛑|🛑 STOP|STOPALL|Stop all|stop all texts|UNSUBSCRIBE|\
        Cancel|END|Quit|revoke|optout|opt out|OPT-OUT|Opt  Out please|remove|ARRET|arrêt|Alto|stop please|Stop it now|\
        stop sending me messages|STOP texting me|stop this now please|no more texts|No more messages!|remove me|Leave me alone|\
        do not text|Don't text me|don’t text|take me off|Wrong number|unsubscribe me|BASTA|stop,please";
    for text in disguises
        .split('|')
        .filter(|text| !["", "please", "stop,please"].contains(text))
    {
        assert_eq!(meaning(text, LINKED), Meaning::Stop, "{text}");
        assert_eq!(meaning(text, NOBODY), Meaning::Stop, "{text}");
        let pin = Sender { pin: true, ..LINKED };
        assert_eq!(
            meaning(&format!("1234 {text}"), pin),
            Meaning::Stop,
            "with a PIN: {text}"
        );
    }
}

#[test]
fn who_may_not_post_means_stop_whatever_follows() {
    for text in [
        "Stop the war!",
        "stop it or I call the police",
        "unsubscribe from this list",
        "STOP,please",
    ] {
        assert_eq!(meaning(text, NOBODY), Meaning::Stop, "{text}");
    }
    assert_eq!(meaning("Stop the war!", LINKED), Meaning::Unclear);
    assert_eq!(
        command("post Stop the war!"),
        Some(Command::Post("Stop the war!".into()))
    );
    assert!(matches!(meaning("The end is near", NOBODY), Meaning::Post(..)));
}

#[test]
fn who_may_post_and_begins_as_stop_does_is_neither_published_nor_stopped() {
    let texts = "Stop the war!|STOPALL of you|Unsubscribe from this list|Cancel my dentist|End of story|\
        Quit texting me so much|Revoke his licence|Optout rates are low|Opt-out rates are low|Opt out of the draft|\
        Remove the lid first|Arret de bus|Arrêt de bus|Alto sax for sale|Stop all wars|Basta cosi|End-to-end tests|\
        Stop (the) war";
    for text in texts.split('|') {
        assert_eq!(meaning(text, LINKED), Meaning::Unclear, "{text}");
        let pin = Sender { pin: true, ..LINKED };
        assert_eq!(meaning(&format!("1234 {text}"), pin), Meaning::Unclear, "{text}");
        let post = command(&format!("POST {text}"));
        assert_eq!(post, Some(Command::Post(text.into())), "{text}");
    }
    for text in ["Endless", "Stopover in Oslo", "The end", "Quitting time"] {
        assert_eq!(meaning(text, LINKED), Meaning::Post(None, text.into()), "{text}");
    }
}

#[test]
fn whatever_stands_between_the_words_of_stop_it_is_stop() {
    let texts = "STOP-ALL|stop-please|stop(please)|Stop—texting me|stop–all|stop‑please|stop_it|stop/all|stop - please|\
        opt—out|opt_out|OPT/OUT now|remove-me|no-more-texts|don’t_text_me|wrong–number|(stop)|stop [please]|stop…please|basta-please";
    for text in texts.split('|') {
        assert_eq!(meaning(text, NOBODY), Meaning::Stop, "{text}");
        assert_eq!(meaning(text, LINKED), Meaning::Stop, "{text}");
    }
    for text in [
        "Stop-it-or-else",
        "opt-out of all this",
        "STOP(the war)",
        "unsubscribe—from this",
    ] {
        assert_eq!(meaning(text, NOBODY), Meaning::Stop, "{text}");
    }
}

#[test]
fn a_word_of_the_operator_that_is_no_word_stops_nobody() {
    let stops = Stops::new(&["🛑".into(), "kein-sms".into()]);
    assert_eq!(read("🛑", NOBODY, &stops), Meaning::Post(None, "🛑".into()));
    assert_eq!(read("Kein SMS please", NOBODY, &stops), Meaning::Stop);
}

#[test]
fn help_start_yes_and_codes_are_words_alone() {
    for text in ["HELP", "help!", "Info", "?", "???", "aide"] {
        assert_eq!(meaning(text, NOBODY), Meaning::Help, "{text}");
    }
    assert_eq!(meaning("Start", NOBODY), Meaning::Start);
    let asked = Sender { asked: true, ..NOBODY };
    assert_eq!(meaning("Yes!", asked), Meaning::Yes);
    assert!(matches!(meaning("yes", LINKED), Meaning::Post(..)));
    assert_eq!(meaning(" 123456 ", NOBODY), Meaning::Code("123456".into()));
    assert!(matches!(meaning("help me please", LINKED), Meaning::Post(..)));
    assert_eq!(meaning(" \n", LINKED), Meaning::Empty);
}

#[test]
fn a_command_has_its_exact_number_of_words() {
    let name = || "nyc".to_owned();
    for (text, read) in [
        ("follow nyc", Command::Follow(name())),
        ("F @NYC", Command::Follow(name())),
        ("leave nyc", Command::Unfollow(name())),
        ("ON", Command::On(None)),
        ("off @nyc", Command::Off(Some(name()))),
        ("get nyc", Command::Get(name())),
        ("more", Command::More(None)),
        ("MORE nyc", Command::More(Some(name()))),
        ("d nyc hello there", Command::Message(name(), "hello there".into())),
        ("r thank you", Command::Reply("thank you".into())),
        ("rt nyc", Command::Repeat(name())),
        ("join nyc", Command::Join(name())),
        ("follow romeo@capulet.lit", Command::Follow("romeo@capulet.lit".into())),
        ("del", Command::Delete),
        (
            "set quiet 2200-0700",
            Command::Set(Setting::Quiet("22:00-07:00".parse().unwrap())),
        ),
        ("set limit 20", Command::Set(Setting::Limit(20))),
        ("SET PIN 1234", Command::Set(Setting::Pin(Some("1234".into())))),
        ("set pin off", Command::Set(Setting::Pin(None))),
        ("set dm off", Command::Set(Setting::Messages(false))),
    ] {
        assert_eq!(command(text), Some(read), "{text}");
    }
    for text in [
        "On my way home",
        "Get well soon",
        "Follow me now",
        "off to bed",
        "more of this",
        "d nyc",
        "set",
        "Set sail tomorrow",
        "set them free",
        "who knows",
        "del it",
        "like a rolling stone",
        "join us all",
    ] {
        assert_eq!(meaning(text, LINKED), Meaning::Post(None, text.into()), "{text}");
    }
}

#[test]
fn a_setting_that_is_written_wrongly_is_no_post() {
    for text in [
        "SET PIN 12",
        "set pin 12345678901",
        "Set PIN: 1234",
        "SET PIN",
        "set limit 0",
        "SET LIMIT 500",
        "set dm perhaps",
        "SET REPLIES",
        "set quiet at night",
        "set lang de",
        "set tz",
        "SET NAME",
    ] {
        assert_eq!(command(text), Some(Command::Set(Setting::Miswritten)), "{text}");
    }
}

#[test]
fn set_in_capitals_with_no_setting_behind_it_is_no_post() {
    for text in [
        "SET",
        " SET ",
        "SET FOO",
        "SET FOO bar",
        "SET DM maybe",
        "SET colour: blue",
        "SET sail tomorrow",
    ] {
        assert_eq!(command(text), Some(Command::Set(Setting::Miswritten)), "{text}");
    }
    let pin = Sender { pin: true, ..LINKED };
    let set = Command::Set(Setting::Miswritten);
    assert_eq!(
        meaning("1234 SET FOO bar", pin),
        Meaning::Command(Some("1234".into()), set)
    );
    for text in [
        "Set",
        "Set sail tomorrow",
        "set foo bar",
        "SET sail with me tomorrow, friends",
        "SETTLED it",
        "SET-UP done",
    ] {
        assert_eq!(meaning(text, LINKED), Meaning::Post(None, text.into()), "{text}");
    }
}

#[test]
fn a_number_where_a_user_belongs_is_no_post() {
    let number = || "+49171234567".to_owned();
    for (text, read) in [
        ("FOLLOW +49171234567", Command::Follow(number())),
        ("f +49-171/234567", Command::Follow(number())),
        ("sub +49(171)234567", Command::Follow(number())),
        ("Follow +49 171 234567", Command::Follow(number())),
        ("UNFOLLOW +49171234567", Command::Unfollow(number())),
        ("get +49171234567", Command::Get(number())),
        ("block +49171234567", Command::Block(number())),
        ("join +49171234567", Command::Join(number())),
        ("follow 0171/234567", Command::Follow("+0171234567".into())),
        ("d +49171234567 hello", Command::Message(number(), "hello".into())),
    ] {
        assert_eq!(command(text), Some(read), "{text}");
    }
    for text in ["follow +1", "On 24/12/2026", "f +49171234567 now"] {
        assert_eq!(meaning(text, LINKED), Meaning::Post(None, text.into()), "{text}");
    }
}

#[test]
fn a_pin_is_read_where_one_is_needed() {
    let pin = Sender { pin: true, ..LINKED };
    assert_eq!(
        meaning("1234 hello", pin),
        Meaning::Post(Some("1234".into()), "hello".into())
    );
    assert_eq!(
        meaning("1234 follow nyc", pin),
        Meaning::Command(Some("1234".into()), Command::Follow("nyc".into()))
    );
    assert_eq!(
        meaning("2024 was a year", LINKED),
        Meaning::Post(None, "2024 was a year".into())
    );
    assert_eq!(meaning("off", pin), Meaning::Command(None, Command::Off(None)));
}

#[test]
fn no_keyword_is_a_free_name() {
    let all: Vec<_> = keywords().collect();
    for keyword in ["stop", "follow", "f", "rt", "yes", "more"] {
        assert!(all.contains(&keyword));
    }
}
