//! Properties of the text layer: against each other, and against rules spelt out a second time.

use super::*;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use unicode_segmentation::UnicodeSegmentation;

/// Texts in which all that is cut with care is frequent.
fn texts() -> impl Strategy<Value = String> {
    let pieces = select(vec![
        "a",
        "word ",
        "€",
        "[]",
        "é",
        "\n",
        "\r\n",
        "ж",
        "😀",
        "👩‍🚀",
        "e\u{301}",
        "🇩🇪",
        "👨‍👩‍👧‍👦",
        "0123456789",
        "漢字",
        "{~}",
    ]);
    let mixed = prop::collection::vec(pieces, 0..200).prop_map(|pieces| pieces.concat());
    let gsm =
        prop::collection::vec(select(vec!["a", "€", "é", "text ", "^", "Ç"]), 0..400).prop_map(|all| all.concat());
    prop_oneof![mixed, gsm, ".{0,300}"]
}

fn forms() -> impl Strategy<Value = Form> {
    let convention = select(vec![Convention::Gsm7, Convention::Latin1, Convention::Ascii]);
    let joined = select(vec![Joined::Header8, Joined::Header16, Joined::Sar, Joined::Payload]);
    (convention, joined).prop_map(|(convention, joined)| Form { convention, joined })
}

/// The parts as a receiver sees them.
fn received(part: &Part, number: usize, total: usize) -> Piece {
    let (join, octets) = if part.header {
        header::split(&part.octets).unwrap()
    } else {
        let sar = part
            .sar
            .and_then(|(reference, total, number)| Join::new(reference, true, total, number));
        (sar, part.octets.as_slice())
    };
    let join = join.or(Join::new(0, false, 1, 1)).unwrap();
    assert_eq!((usize::from(join.number), usize::from(join.total)), (number, total));
    Piece {
        from: "491700000001".into(),
        to: "40404".into(),
        join,
        data_coding: part.data_coding,
        octets: octets.to_vec(),
    }
}

fn pieces(parts: &Parts) -> Vec<Piece> {
    let total = parts.parts.len();
    (1..)
        .zip(&parts.parts)
        .map(|(number, part)| received(part, number, total))
        .collect()
}

proptest! {
    #[test]
    fn what_is_cut_comes_back_in_any_order_and_with_repeats(
        text in texts(), form in forms(), reference: u16, order in prop::collection::vec(any::<Index>(), 0..40),
    ) {
        let Ok(parts) = parts(&text, form, reference) else { return Ok(()) };
        prop_assume!(parts.segments <= 26);
        let pieces = pieces(&parts);
        let mut reassembly = Reassembly::default();
        let mut texts = Vec::new();
        let mut take = |piece: &Piece| match reassembly.add(0, piece.clone()) {
            Added::Whole(whole) => texts.push(whole.text(form.convention).unwrap()),
            Added::TooLong => panic!("it is not"),
            Added::Waiting | Added::Repeated | Added::Over => {}
        };
        for index in &order {
            take(index.get(&pieces));
        }
        for piece in &pieces {
            take(piece);
        }
        prop_assert_eq!(texts, [text]);
    }

    #[test]
    fn the_size_is_the_count_of_the_parts_and_none_holds_too_much(text in texts(), form in forms()) {
        let Ok(parts) = parts(&text, form, 1) else { return Ok(()) };
        let size = size_in(&text, form);
        prop_assert_eq!((size.segments, size.alphabet), (parts.segments, parts.alphabet));
        prop_assert_eq!(parts.parts.iter().map(|part| part.segments).sum::<usize>(), size.segments);
        for part in parts.parts.iter().filter(|part| !part.payload) {
            // With its header a message has 140 octets; septets are packed by the SMSC, extended ones are two.
            let shown = decode(part.data_coding, text_of(part), form.convention).unwrap();
            let extended = shown.chars().filter(|c| "\u{c}^{}\\[~]|€".contains(*c)).count();
            let header = if part.header { text_begin(part) } else { 0 };
            let octets = match parts.alphabet {
                Alphabet::Gsm7 => ((shown.chars().count() + extended) * 7).div_ceil(8) + header,
                Alphabet::Ucs2 => shown.encode_utf16().count() * 2 + header,
            };
            prop_assert!(octets <= 140, "{} octets", octets);
        }
    }

    #[test]
    fn nothing_that_is_one_sign_to_a_reader_is_split_if_a_segment_holds_it(text in texts(), form in forms()) {
        let Ok(parts) = parts(&text, form, 1) else { return Ok(()) };
        let wide = |cluster: &str| cluster.encode_utf16().count() > 66;
        prop_assume!(!text.graphemes(true).any(wide));
        let mut ends = 0;
        let bounds: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]).collect();
        for part in &parts.parts {
            ends += decode(part.data_coding, text_of(part), form.convention).unwrap().len();
            prop_assert!(bounds.contains(&ends), "cut at {} of {:?}", ends, text);
        }
    }

    #[test]
    fn what_is_fitted_fits_and_is_the_beginning_of_the_text(text in texts(), segments in 1_usize..5, form in forms()) {
        let fitted = fit(&text, "... https://r.test/1", segments, form);
        prop_assert!(size_in(&fitted, form).segments <= segments);
        let begin = fitted.strip_suffix("... https://r.test/1").unwrap_or(&fitted);
        prop_assert!(text.starts_with(begin) || without_emoji(&text).starts_with(begin), "{:?}", fitted);
    }

    #[test]
    fn any_octets_are_decoded_or_refused_and_headers_never_panic(data_coding: u8, octets: Vec<u8>) {
        let _ = decode(data_coding, &octets, Convention::Gsm7);
        if let Ok((Some(join), _)) = header::split(&octets) {
            prop_assert!(join.number >= 1 && join.number <= join.total);
        }
    }

    #[test]
    fn plain_text_is_plain_and_never_longer_than_its_ellipses(text in ".{0,200}") {
        let once = plain(&text);
        prop_assert_eq!(plain(&once), once.clone());
        prop_assert!(!once.chars().any(|c| c.is_control() && c != '\n') && !once.contains("\n\n"));
    }
}

fn text_begin(part: &Part) -> usize {
    usize::from(part.octets[0]) + 1
}

fn text_of(part: &Part) -> &[u8] {
    if part.header {
        &part.octets[text_begin(part)..]
    } else {
        &part.octets
    }
}

fn piece(from: &str, reference: u16, (total, number): (u8, u8), octets: &[u8]) -> Piece {
    Piece {
        from: from.into(),
        to: "40404".into(),
        join: Join::new(reference, false, total, number).unwrap(),
        data_coding: 0,
        octets: octets.to_vec(),
    }
}

#[test]
fn the_octets_of_two_segments_are_those_of_the_standard() {
    let parts = parts(&"a".repeat(154), Form::default(), 0x1ff).unwrap();
    assert_eq!(parts.parts.len(), 1);
    let parts = super::parts(&"a".repeat(161), Form::default(), 0x1ff).unwrap();
    assert_eq!(parts.parts[0].octets[..7], [5, 0, 3, 0xff, 2, 1, b'a']);
    assert_eq!(parts.parts[1].octets, [&[5, 0, 3, 0xff, 2, 2], &[b'a'; 8][..]].concat());
    let wide = Form {
        joined: Joined::Header16,
        ..Form::default()
    };
    let parts = super::parts(&"ж".repeat(71), wide, 0x1ff).unwrap();
    assert_eq!(parts.parts[0].octets[..9], [6, 8, 4, 1, 0xff, 2, 1, 0x04, 0x36]);
    assert_eq!((parts.parts[0].octets.len(), parts.parts[0].data_coding), (7 + 132, 8));
}

#[test]
fn a_cluster_that_no_segment_holds_is_cut_between_characters() {
    let zalgo = format!("e{}", "\u{301}".repeat(200));
    let parts = parts(&zalgo, Form::default(), 1).unwrap();
    assert_eq!(parts.segments, 3);
}

#[test]
fn more_than_255_segments_are_refused() {
    assert_eq!(
        parts(&"a".repeat(153 * 256), Form::default(), 1),
        Err(TooLong { segments: 256 })
    );
}

#[test]
fn parts_wait_five_minutes_and_no_longer() {
    let mut all = Reassembly::default();
    assert_eq!(all.add(0, piece("1", 1, (2, 1), b"a")), Added::Waiting);
    assert!(all.expire(reassembly::WAIT_MS - 1).is_empty());
    assert_eq!(all.expire(reassembly::WAIT_MS).len(), 1);
    assert!(all.is_empty());
    assert_eq!(all.add(0, piece("1", 1, (2, 1), b"a")), Added::Waiting);
    assert_eq!(
        all.add(reassembly::WAIT_MS, piece("1", 1, (2, 2), b"b")),
        Added::Waiting,
        "the first part is gone"
    );
}

#[test]
fn a_reference_that_is_used_again_begins_anew() {
    let mut all = Reassembly::default();
    let whole = |first: &[u8], second: &[u8]| {
        Added::Whole(Whole {
            parts: vec![(0, first.to_vec()), (0, second.to_vec())],
        })
    };
    assert_eq!(all.add(0, piece("1", 1, (2, 1), b"a")), Added::Waiting);
    assert_eq!(all.add(0, piece("1", 1, (2, 1), b"x")), Added::Waiting);
    assert_eq!(all.add(0, piece("1", 1, (2, 1), b"x")), Added::Repeated);
    assert_eq!(all.add(0, piece("1", 1, (2, 2), b"y")), whole(b"x", b"y"));
    assert_eq!(all.add(0, piece("1", 1, (2, 1), b"x")), Added::Over);
    assert_eq!(all.add(0, piece("1", 1, (2, 1), b"n")), Added::Waiting);
    assert_eq!(all.add(0, piece("1", 1, (2, 2), b"m")), whole(b"n", b"m"));
}

#[test]
fn a_text_that_could_not_be_kept_is_whole_again_with_its_last_part() {
    let mut all = Reassembly::default();
    let last = piece("1", 1, (2, 2), b"b");
    assert_eq!(all.add(0, piece("1", 1, (2, 1), b"a")), Added::Waiting);
    assert!(matches!(all.add(1, last.clone()), Added::Whole(_)));
    all.reopen(2, &last.from, &last.to, last.join);
    assert!(
        all.expire(reassembly::WAIT_MS + 1).is_empty(),
        "it has the whole time again"
    );
    let Added::Whole(whole) = all.add(reassembly::WAIT_MS + 1, last) else {
        panic!("it is not whole")
    };
    assert_eq!(whole.text(Convention::Gsm7).as_deref(), Ok("ab"));
}

#[test]
fn one_sender_fills_eight_places_and_all_fill_a_bounded_table() {
    let mut all = Reassembly::default();
    for reference in 0..20 {
        all.add(u64::from(reference), piece("1", reference, (2, 1), b"a"));
    }
    assert_eq!(all.len(), reassembly::SENDER_SETS_MAX);
    assert!(
        matches!(all.add(20, piece("1", 19, (2, 2), b"b")), Added::Whole(_)),
        "the newest are kept"
    );
    for sender in 0..reassembly::SETS_MAX + 10 {
        all.add(30, piece(&format!("+{sender}"), 1, (2, 1), b"a"));
    }
    assert_eq!(all.len(), reassembly::SETS_MAX);
}

#[test]
fn a_text_of_too_many_parts_or_octets_is_not_kept() {
    let mut all = Reassembly::default();
    assert_eq!(all.add(0, piece("1", 1, (65, 1), b"a")), Added::TooLong);
    assert_eq!(all.add(0, piece("1", 1, (64, 1), &[b'a'; 4000])), Added::Waiting);
    assert_eq!(all.add(0, piece("1", 1, (64, 2), &[b'a'; 200])), Added::TooLong);
    assert!(all.is_empty());
}

#[test]
fn a_sign_that_another_sender_cut_in_two_is_whole_again() {
    let mut all = Reassembly::default();
    let half = |number, octets: &[u8]| Piece {
        data_coding: 8,
        ..piece("1", 1, (2, number), octets)
    };
    all.add(0, half(2, &[0xde, 0x00]));
    let Added::Whole(whole) = all.add(0, half(1, &[0xd8, 0x3d])) else {
        panic!()
    };
    assert_eq!(whole.text(Convention::Gsm7).as_deref(), Ok("😀"));
}
