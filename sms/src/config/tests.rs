//! What an operator may write, and what he is told.

use super::*;

fn read(text: &str) -> Result<Settings, String> {
    Settings::read(text.parse().unwrap()).map_err(|wrong| wrong.to_string())
}

#[test]
fn nothing_is_a_configuration_without_routes() {
    let settings = read("").unwrap();
    assert!(settings.route.is_empty());
    assert_eq!(
        (settings.daily_segments, settings.quiet.to_string().as_str()),
        (40, "21:00-08:00")
    );
}

#[test]
fn a_route_and_its_countries_are_read() {
    let settings = read(
        "post_expiry = '3h'
        [[route]]
        name = 'carrier'
        address = '127.0.0.1:2775'
        rate = 100
        mo_trust = 'carrier'
        bind = 'tx+rx'
        [[country]]
        prefix = '+1'
        sender = '40404'
        price = 0.008
        [[country]]
        prefix = '+1242'
        hours = '08:00-20:00'
        zone = 'America/Nassau'",
    )
    .unwrap();
    let route = &settings.route[0];
    assert_eq!((route.rate, route.window, route.mo_trust), (100.0, 10, Trust::Carrier));
    assert_eq!(settings.country_of("+12425550100").unwrap().prefix, "+1242");
    assert_eq!(settings.country_of("+12125550100").unwrap().micros(), Some(8_000));
    assert!(settings.country_of("+4912345678").is_none());
    assert!(settings.is_ours("40404") && !settings.is_ours("40405"));
}

#[test]
fn what_is_wrong_is_named_in_one_line() {
    for (text, told) in [
        (
            "segmets = 3",
            "sms: there is no key `segmets`: the nearest is `segments`",
        ),
        (
            "[[route]]\nname='a'\naddress='x'\nrat=1",
            "sms: there is no key `rat`: the nearest is `rate`",
        ),
        (
            "[[route]]\nname='a'",
            "sms: route \"a\": address is missing, like 127.0.0.1:2775",
        ),
        (
            "[[country]]\nprefix='49'",
            "sms: country \"49\": prefix is + and 1 to 7 digits, like +49",
        ),
        (
            "[[country]]\nprefix='+49'\nroute='x'",
            "sms: country \"+49\": there is no route \"x\"",
        ),
        (
            "quiet = '25'",
            "sms: `25` are no hours: write them like 21:00-08:00, or off",
        ),
    ] {
        assert_eq!(read(text).unwrap_err(), told);
    }
}

#[test]
fn a_password_is_not_shown() {
    let settings = read("[[route]]\nname='a'\naddress='x'\npassword='secret'").unwrap();
    assert!(!format!("{settings:?}").contains("secret"));
}
