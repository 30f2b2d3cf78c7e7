//! Each limit, just kept and just exceeded.

use super::*;

const BUDGET: Budget = Budget {
    stanza_bytes: 6_000,
    depth: 4,
    attributes: 4,
    elements: 10,
};

/// The fault's text, or `None` if the stream was accepted.
fn text_of(input: &str, piece: usize) -> Option<String> {
    let mut reader = StreamReader::new(
        StreamNamespace::Client,
        Budget {
            attributes: 8,
            ..BUDGET
        },
    );
    let (frames, fault) = read_in_pieces(&mut reader, HEAD.as_bytes(), piece);
    assert_eq!((frames.len(), fault), (1, None));
    reader.set_budget(BUDGET);
    let (_, fault) = read_in_pieces(&mut reader, input.as_bytes(), piece);
    fault.map(|fault| {
        assert_eq!(fault.condition, StreamCondition::PolicyViolation);
        fault.text.unwrap_or_default().into_owned()
    })
}

#[track_caller]
fn check(input: &str, expected: Option<&str>) {
    for piece in [usize::MAX, 1, 1_000] {
        assert_eq!(text_of(input, piece).as_deref(), expected, "in pieces of {piece}");
    }
}

#[test]
fn stanza_bytes_count_from_bracket_to_bracket() {
    let stanza = |bytes: usize| format!("<a>{}</a>", "x".repeat(bytes - 7));
    check(&stanza(6_000), None);
    check(&format!("{}{}  {}", stanza(6_000), stanza(6_000), stanza(6_000)), None);
    check(&stanza(6_001), Some("limit stanza_bytes (6000) exceeded"));
}

#[test]
fn endless_text_is_cut_off() {
    check(
        &format!("<a>{}", "x".repeat(100_000)),
        Some("limit stanza_bytes (6000) exceeded"),
    );
    check(
        &format!("<a><![CDATA[{}", "x".repeat(100_000)),
        Some("limit stanza_bytes (6000) exceeded"),
    );
    check(
        &format!("<a>{}", "&lt;".repeat(10_000)),
        Some("limit stanza_bytes (6000) exceeded"),
    );
    check(
        &format!("<a>{}", " ".repeat(10_000)),
        Some("limit stanza_bytes (6000) exceeded"),
    );
    check(
        &format!("<a{}", " ".repeat(10_000)),
        Some("limit stanza_bytes (6000) exceeded"),
    );
}

#[test]
fn endless_names_and_values_are_cut_off() {
    let long = "x".repeat(100_000);
    for input in [
        format!("<{long}"),
        format!("<a {long}"),
        format!("<a b='{long}"),
        format!("<a></{long}"),
    ] {
        check(&input, Some("name or attribute value too long"));
    }
    check(&format!("<a b='{}'/>", "x".repeat(1_499)), None);
}

#[test]
fn deep_stanzas_are_cut_off() {
    check("<a><a><a><a/></a></a></a>", None);
    check("<a><a><a><a/><a/></a></a></a>", None);
    check("<a><a><a><a><a/></a></a></a></a>", Some("limit depth (4) exceeded"));
}

#[test]
fn wide_stanzas_are_cut_off() {
    check(&format!("<a>{}</a>", "<b/>".repeat(9)).repeat(3), None);
    check(
        &format!("<a>{}</a>", "<b/>".repeat(10)),
        Some("limit elements (10) exceeded"),
    );
}

#[test]
fn many_attributes_are_cut_off() {
    check("<a b='' c='' d='' e=''/>", None);
    check("<a b='' c='' d='' e='' f=''/>", Some("limit attributes (4) exceeded"));
    check(
        "<a xmlns='urn:a' xmlns:b='urn:b' xmlns:c='urn:c' d='' e=''/>",
        Some("limit attributes (4) exceeded"),
    );
}

#[test]
fn attributes_in_a_namespace_count_as_elements() {
    let child = "<b q:a='' q:b='' q:c=''/>";
    check(&format!("<a xmlns:q='urn:q'>{}</a>", child.repeat(2)), None);
    check(
        &format!("<a xmlns:q='urn:q'>{}</a>", child.repeat(3)),
        Some("limit elements (10) exceeded"),
    );
    check(&format!("<a>{}</a>", "<b xml:lang='de'/>".repeat(9)), None);
}

#[test]
fn a_namespace_name_is_not_multiplied() {
    check(&format!("<a xmlns='{}'><b/></a>", "x".repeat(256)), None);
    check(
        &format!("<a xmlns='{}'><b/></a>", "x".repeat(257)),
        Some("namespace name too long"),
    );
}

#[test]
fn declarations_in_scope_are_bounded() {
    let wide = Budget {
        stanza_bytes: 65_536,
        depth: 64,
        attributes: 64,
        elements: 1_000,
    };
    let declarations: String = (0..60).map(|n| format!(" xmlns:p{n}='urn:p'")).collect();
    let nested = |depth: usize| format!("{HEAD}{}", format!("<a{declarations}>").repeat(depth));
    let mut reader = StreamReader::new(StreamNamespace::Client, wide);
    assert_eq!(read_in_pieces(&mut reader, nested(2).as_bytes(), usize::MAX).1, None);
    reader.reset();
    let fault = read_in_pieces(&mut reader, nested(3).as_bytes(), usize::MAX).1;
    assert_eq!(
        fault.and_then(|fault| fault.text).as_deref(),
        Some("too many namespace declarations")
    );
}

#[test]
fn an_endless_header_is_cut_off() {
    let head = HEAD.trim_end_matches('>');
    let padding = " ".repeat(16_384);
    let attributes: String = (0..40).map(|n| format!(" a{n}=''")).collect();
    let cases = [
        (format!("{head}{padding}"), "limit stanza_bytes (16384) exceeded"),
        (
            format!("<?xml version='1.0'?>{padding}"),
            "limit stanza_bytes (16384) exceeded",
        ),
        (format!("{head} x='{padding}"), "name or attribute value too long"),
        (format!("{head}{attributes}"), "limit attributes (32) exceeded"),
    ];
    for (input, expected) in cases {
        for piece in [usize::MAX, 1] {
            let fault = read_in_pieces(&mut reader(), input.as_bytes(), piece).1;
            assert_eq!(fault.and_then(|fault| fault.text).as_deref(), Some(expected));
        }
    }
}

#[test]
fn a_larger_budget_counts_at_once() {
    let mut reader = reader();
    read_in_pieces(&mut reader, HEAD.as_bytes(), usize::MAX);
    reader.set_budget(Budget::AFTER_AUTH);
    let stanza = format!("<a b='{}'>{}</a>", "x".repeat(60_000), "y".repeat(200_000));
    let (frames, fault) = read_in_pieces(&mut reader, stanza.as_bytes(), 4_096);
    assert_eq!((frames.len(), fault), (1, None));
}
