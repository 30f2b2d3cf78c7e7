//! SCRAM against the RFCs' own examples and against clients that cheat.

use super::*;
use crate::sasl::test_client::client_final;

const CLIENT_NONCE: &str = "rOprNGfwEbeRWgbNEkqO";

fn decoys() -> Decoys {
    Decoys::new([9; 32], 4096)
}

fn account(password: &str) -> Credentials {
    Credentials::derive(password, 64, vec![5; 16]).unwrap()
}

#[test]
fn the_example_of_rfc_5802_succeeds() {
    let salt = BASE64.decode("QSXCR+Q6sek8bf92").unwrap();
    let credentials = Credentials::derive("pencil", 4096, salt).unwrap();
    let first = b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL";
    let first = ClientFirst::parse(Hash::Sha1, false, &Bindings::default(), first).unwrap();
    assert_eq!(first.authcid, "user");
    let (challenge, exchange) = first.challenge(Some(credentials), &decoys(), "3rfcNHYJY1ZVvWVs7j", "");
    assert_eq!(
        challenge,
        b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
    );
    let last = b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";
    assert_eq!(
        exchange.verify(last, &Bindings::default()).unwrap(),
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="
    );
}

#[test]
fn the_example_of_rfc_7677_succeeds() {
    let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    let credentials = Credentials::derive("pencil", 4096, salt).unwrap();
    let first = format!("n,,n=user,r={CLIENT_NONCE}");
    let first = ClientFirst::parse(Hash::Sha256, false, &Bindings::default(), first.as_bytes()).unwrap();
    let server_nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    let (challenge, exchange) = first.challenge(Some(credentials), &decoys(), server_nonce, "");
    let expected = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    assert_eq!(challenge, expected.as_bytes());
    let last = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
        p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    let expected = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
    assert_eq!(exchange.verify(last, &Bindings::default()).unwrap(), expected);
}

/// Runs an exchange in which the client binds the channel with `used`.
fn exchange(hash: Hash, header: &str, used: &[u8], plus: bool, bindings: &Bindings) -> Result<Vec<u8>, Failure> {
    let bare = format!("n=juliet,r={CLIENT_NONCE}");
    let first = ClientFirst::parse(hash, plus, bindings, format!("{header}{bare}").as_bytes())?;
    let (challenge, exchange) = first.challenge(Some(account("secret")), &decoys(), "server", "");
    let channel = [header.as_bytes(), used].concat();
    let (last, _) = client_final(hash, "secret", &bare, str::from_utf8(&challenge).unwrap(), &channel);
    exchange.verify(last.as_bytes(), bindings)
}

#[test]
fn the_channel_must_be_the_one_that_the_client_sees() {
    let bindings = Bindings {
        exporter: Some([3; 32]),
        end_point: Some(vec![4; 32]),
    };
    for hash in [Hash::Sha1, Hash::Sha256] {
        let check = |header, used: &[u8], plus, expected: Result<(), Failure>| {
            assert_eq!(
                exchange(hash, header, used, plus, &bindings).map(drop),
                expected,
                "{hash:?} {header}"
            );
        };
        check("p=tls-exporter,,", &[3; 32], true, Ok(()));
        check("p=tls-server-end-point,,", &[4; 32], true, Ok(()));
        check("n,,", &[], false, Ok(()));
        check("p=tls-exporter,,", &[4; 32], true, Err(Failure::NotAuthorized));
        check("p=tls-exporter,,", &[], true, Err(Failure::NotAuthorized));
        check("y,,", &[], false, Err(Failure::NotAuthorized));
        check("y,,", &[], true, Err(Failure::MalformedRequest));
        check("n,,", &[], true, Err(Failure::MalformedRequest));
        check("p=tls-unique,,", &[], true, Err(Failure::MalformedRequest));
        check("p=tls-exporter,,", &[3; 32], false, Err(Failure::MalformedRequest));
    }
}

#[test]
fn a_client_that_knows_binding_is_welcome_where_none_is_offered() {
    assert!(exchange(Hash::Sha1, "y,,", &[], false, &Bindings::default()).is_ok());
}

#[test]
fn an_unknown_account_gets_a_challenge_and_fails_at_the_end() {
    let bare = format!("n=nobody,r={CLIENT_NONCE}");
    let message = format!("n,,{bare}");
    let start = || ClientFirst::parse(Hash::Sha256, false, &Bindings::default(), message.as_bytes()).unwrap();
    let (challenge, exchange) = start().challenge(None, &decoys(), "server", "");
    let (again, _) = start().challenge(None, &decoys(), "server", "");
    assert_eq!(challenge, again);
    let (last, _) = client_final(
        Hash::Sha256,
        "secret",
        &bare,
        str::from_utf8(&challenge).unwrap(),
        b"n,,",
    );
    assert_eq!(
        exchange.verify(last.as_bytes(), &Bindings::default()),
        Err(Failure::NotAuthorized)
    );
}

#[test]
fn a_wrong_proof_or_nonce_is_not_authorized() {
    let bare = format!("n=juliet,r={CLIENT_NONCE}");
    let start = || {
        let message = format!("n,,{bare}");
        let first = ClientFirst::parse(Hash::Sha1, false, &Bindings::default(), message.as_bytes()).unwrap();
        first.challenge(Some(account("secret")), &decoys(), "server", "")
    };
    let (challenge, exchange) = start();
    let challenge = str::from_utf8(&challenge).unwrap();
    let (wrong, _) = client_final(Hash::Sha1, "wrong", &bare, challenge, b"n,,");
    assert_eq!(
        exchange.verify(wrong.as_bytes(), &Bindings::default()),
        Err(Failure::NotAuthorized)
    );
    let (_, exchange) = start();
    let other_nonce = challenge.replace("server", "another");
    let (wrong, _) = client_final(Hash::Sha1, "secret", &bare, &other_nonce, b"n,,");
    assert_eq!(
        exchange.verify(wrong.as_bytes(), &Bindings::default()),
        Err(Failure::NotAuthorized)
    );
}

#[test]
fn malformed_messages_are_refused() {
    let messages = [
        "",
        "n,,",
        "n,,n=a",
        "n,,n=a,r=",
        "n,,r=b,n=a",
        "n,,m=x,n=a,r=b",
        "n,,n=,r=b",
        "n,,n=a=2,r=b",
    ];
    for message in messages {
        let parsed = ClientFirst::parse(Hash::Sha1, false, &Bindings::default(), message.as_bytes());
        assert_eq!(parsed.err(), Some(Failure::MalformedRequest), "{message}");
    }
    for message in [
        "",
        "c=biws",
        "c=biws,r=x",
        "c=!,r=x,p=AA==",
        "c=biws,r=x,p=!",
        "c=biws,r=x,p=AA==",
        "p=AA==",
    ] {
        let first = ClientFirst::parse(Hash::Sha1, false, &Bindings::default(), b"n,,n=a,r=b").unwrap();
        let (_, exchange) = first.challenge(None, &decoys(), "server", "");
        let verified = exchange.verify(message.as_bytes(), &Bindings::default());
        assert_eq!(verified, Err(Failure::MalformedRequest), "{message}");
    }
}

#[test]
fn names_are_decoded_and_prepared() {
    let message = b"n,a=x=2Cy,n=ju=3Dli\xc2\xadet,r=abc";
    let first = ClientFirst::parse(Hash::Sha1, false, &Bindings::default(), message).unwrap();
    assert_eq!(
        (first.authcid.as_str(), first.authzid.as_deref()),
        ("ju=liet", Some("x,y"))
    );
}

#[test]
fn what_was_offered_is_hashed_in_one_order_and_signed() {
    let shown = offered(
        ["SCRAM-SHA-1", "PLAIN"].into_iter(),
        ["tls-exporter", "tls-end"].into_iter(),
    );
    assert_eq!(shown, "PLAIN\u{1e}SCRAM-SHA-1\u{1f}tls-end\u{1e}tls-exporter");
    assert_eq!(offered(["B", "A"].into_iter(), std::iter::empty()), "A\u{1e}B");
    let first = format!("n,,n=juliet,r={CLIENT_NONCE}");
    let first = ClientFirst::parse(Hash::Sha256, false, &Bindings::default(), first.as_bytes()).unwrap();
    let (challenge, _) = first.challenge(Some(account("secret")), &decoys(), "server", &shown);
    let hash = BASE64.encode(Hash::Sha256.digest(shown.as_bytes()));
    assert!(String::from_utf8(challenge).unwrap().ends_with(&format!(",h={hash}")));
}
