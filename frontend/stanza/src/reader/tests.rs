//! What a reader accepts, refuses and costs. Streams are written as text; `read_all` gives what they say.

use proptest::prelude::*;

use super::*;
use crate::{StreamNamespace, write_element};

mod budgets;
mod faults;

const HEAD: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
                    xmlns:stream='http://etherx.jabber.org/streams' to='im.example' version='1.0'>";

fn reader() -> StreamReader {
    StreamReader::new(StreamNamespace::Client, Budget::BEFORE_AUTH)
}

/// Everything that `input` says, fed in pieces of `piece` bytes, and the fault that ends it.
fn read_in_pieces(reader: &mut StreamReader, input: &[u8], piece: usize) -> (Vec<Frame>, Option<StreamFault>) {
    let mut frames = Vec::new();
    for mut rest in input.chunks(piece) {
        loop {
            match reader.read(&mut rest) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(fault) => return (frames, Some(fault)),
            }
        }
        assert!(rest.is_empty(), "Ok(None) takes all");
    }
    (frames, None)
}

#[track_caller]
fn read_all(input: &str) -> Vec<Frame> {
    let (frames, fault) = read_in_pieces(&mut reader(), input.as_bytes(), usize::MAX);
    assert_eq!(fault, None);
    frames
}

/// The stanzas that follow a good header.
#[track_caller]
fn stanzas(input: &str) -> Vec<Element> {
    let frames = read_all(&format!("{HEAD}{input}"));
    frames
        .into_iter()
        .filter_map(|frame| match frame {
            Frame::Element(element) => Some(element),
            _ => None,
        })
        .collect()
}

#[test]
fn a_stream_is_a_header_its_stanzas_and_an_end() {
    let frames = read_all(&format!(
        "{HEAD}<presence/>\n<message to='a'>hi</message></stream:stream>ignored"
    ));
    let header = StreamHeader {
        to: Some("im.example".into()),
        version: Some((1, 0)),
        ..StreamHeader::default()
    };
    let message: Element = "<message xmlns='jabber:client' to='a'>hi</message>".parse().unwrap();
    let expected = [
        Frame::Header(header),
        Frame::Element(Element::bare("presence", "jabber:client")),
        Frame::Whitespace,
        Frame::Element(message),
        Frame::End,
    ];
    assert_eq!(frames, expected);
}

#[test]
fn a_header_tells_all_it_was_given() {
    let frames = read_all(
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='a' to='b' id='c' \
         version='01.7' xml:lang='de' xmlns:db='jabber:server:dialback'>",
    );
    let expected = StreamHeader {
        to: Some("b".into()),
        from: Some("a".into()),
        id: Some("c".into()),
        version: Some((1, 7)),
        lang: Some("de".into()),
        dialback: true,
    };
    assert_eq!(frames, [Frame::Header(expected)]);
}

#[test]
fn a_header_without_version_and_with_another_prefix_is_read() {
    let frames =
        read_all("<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'><s:features/></s:stream>");
    let expected = [
        Frame::Header(StreamHeader::default()),
        Frame::Element(Element::bare("features", "http://etherx.jabber.org/streams")),
        Frame::End,
    ];
    assert_eq!(frames, expected);
}

#[test]
fn a_header_that_closes_itself_ends_the_stream() {
    let frames = read_all("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'/>");
    assert_eq!(frames, [Frame::Header(StreamHeader::default()), Frame::End]);
}

#[test]
fn prefixes_declared_by_the_header_work_within_stanzas() {
    let frames = read_all(
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:q='urn:q'>\
         <message q:a='1'><q:x/></message><q:y/>",
    );
    let [_, Frame::Element(message), Frame::Element(y)] = frames.as_slice() else {
        panic!("{frames:?}");
    };
    assert_eq!(message.attr_ns("urn:q", "a"), Some("1"));
    assert!(message.has_child("x", "urn:q"));
    assert!(y.is("y", "urn:q"));
}

#[test]
fn the_innermost_declaration_counts_and_ends_with_its_element() {
    let [message] = &stanzas(
        "<message xmlns:p='urn:1'><p:a xmlns:p='urn:2'><p:b/></p:a><p:c/><d xmlns='urn:d'><e xmlns=''/></d><f/></message>",
    )[..] else {
        panic!("one stanza");
    };
    let a = message.get_child("a", "urn:2").unwrap();
    assert!(a.has_child("b", "urn:2"));
    assert!(message.has_child("c", "urn:1"));
    assert!(message.get_child("d", "urn:d").unwrap().has_child("e", ""));
    assert!(message.has_child("f", "jabber:client"));
}

#[test]
fn text_references_and_languages_are_kept() {
    let [message] =
        &stanzas("<message xml:lang='de'><body>a &lt;&#x42;&amp;\r\n<![CDATA[<c>]]> d</body><b/>tail</message>")[..]
    else {
        panic!("one stanza");
    };
    assert_eq!(
        message.attr_ns("http://www.w3.org/XML/1998/namespace", "lang"),
        Some("de")
    );
    assert_eq!(
        message.get_child("body", "jabber:client").unwrap().text(),
        "a <B&\n<c> d"
    );
    assert_eq!(message.text(), "tail");
}

#[test]
fn one_read_gives_at_most_one_frame_and_leaves_the_rest() {
    let text = format!("{HEAD}<a/><b/>");
    let mut reader = reader();
    let mut input = text.as_bytes();
    assert!(matches!(reader.read(&mut input), Ok(Some(Frame::Header(_)))));
    assert_eq!(input, b"<a/><b/>");
    assert!(matches!(reader.read(&mut input), Ok(Some(Frame::Element(_)))));
    assert_eq!(input, b"<b/>");
}

#[test]
fn a_restart_forgets_the_old_stream() {
    let mut reader = reader();
    let first = format!("{HEAD}<auth>");
    assert_eq!(read_in_pieces(&mut reader, first.as_bytes(), 7).0.len(), 1);
    reader.reset();
    let second = format!("\n{HEAD}<presence/>");
    let (frames, fault) = read_in_pieces(&mut reader, second.as_bytes(), 7);
    assert_eq!(fault, None);
    assert!(matches!(frames.as_slice(), [Frame::Header(_), Frame::Element(_)]));
}

#[test]
fn an_idle_reader_holds_no_parser() {
    let mut reader = reader();
    for input in [HEAD, "<presence/>", " ", "<a>b</a> <c/>"] {
        read_in_pieces(&mut reader, input.as_bytes(), usize::MAX);
        assert!(reader.parse.is_none(), "after {input:?}");
    }
    read_in_pieces(&mut reader, b"<", 1);
    assert!(reader.parse.is_some());
    assert!(matches!(reader.root, Root::Ordinary(_)));
    assert!(size_of::<StreamReader>() <= 40, "{}", size_of::<StreamReader>());
}

#[test]
fn endless_white_space_costs_nothing() {
    let mut reader = reader();
    read_in_pieces(&mut reader, HEAD.as_bytes(), usize::MAX);
    let spaces = [b' '; 65_536];
    for _ in 0..64 {
        assert_eq!(
            read_in_pieces(&mut reader, &spaces, usize::MAX),
            (vec![Frame::Whitespace], None)
        );
        assert!(reader.parse.is_none());
    }
}

/// Keepalives are one frame per call, so that their number depends on the pieces.
fn without_white_space(frames: Vec<Frame>) -> Vec<Frame> {
    frames.into_iter().filter(|frame| *frame != Frame::Whitespace).collect()
}

fn piece_of_stream() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(" \n".to_owned()),
        Just("<presence/>".to_owned()),
        Just("<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>".to_owned()),
        Just("<m xmlns:a='urn:a' a:b='&amp;c'><a:d/>e<![CDATA[]]]]>\u{e4}\r\n</m>".to_owned()),
        "[a-c]{1,3}".prop_map(|text| format!("<message><body>{text}</body></message>")),
        Just("<![CDATA[]]>".to_owned()),
        Just("<a></b>".to_owned()),
        Just("x".to_owned()),
        Just("</stream:stream>".to_owned()),
    ]
}

proptest! {
    #[test]
    fn the_size_of_the_pieces_does_not_matter(
        stream in prop::collection::vec(piece_of_stream(), 0..12), piece in 1_usize..40
    ) {
        let text = format!("{HEAD}{}", stream.concat());
        let whole = read_in_pieces(&mut reader(), text.as_bytes(), usize::MAX);
        let pieces = read_in_pieces(&mut reader(), text.as_bytes(), piece);
        let bytes = read_in_pieces(&mut reader(), text.as_bytes(), 1);
        let whole = (without_white_space(whole.0), whole.1);
        prop_assert_eq!(&(without_white_space(pieces.0), pieces.1), &whole);
        prop_assert_eq!(&(without_white_space(bytes.0), bytes.1), &whole);
    }

    #[test]
    fn what_is_written_is_read_back(texts in prop::collection::vec("[ -~\u{e4}\u{20ac}\t\n\r]{0,12}", 1..6)) {
        let mut message = Element::bare("message", "jabber:client");
        for text in &texts {
            let mut body = Element::bare("body", "urn:b");
            body.append_text(text.clone());
            message.append_child(body);
        }
        let mut out = HEAD.as_bytes().to_vec();
        write_element(&message, StreamNamespace::Client, &mut out);
        let (frames, fault) = read_in_pieces(&mut reader(), &out, 5);
        prop_assert_eq!(fault, None);
        let Some(Frame::Element(read)) = frames.last() else { panic!("{frames:?}") };
        let read: Vec<String> = read.children().map(Element::text).collect();
        prop_assert_eq!(read, texts);
    }
}
