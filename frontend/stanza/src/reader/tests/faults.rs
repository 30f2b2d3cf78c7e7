//! Which fault answers which breach; also pins the strings of rxml that `fault.rs` looks at.

use super::*;
use crate::StreamCondition::{self, *};

#[track_caller]
fn check(input: &str, expected: StreamCondition) {
    check_bytes(input.as_bytes(), expected);
}

#[track_caller]
fn check_bytes(input: &[u8], expected: StreamCondition) {
    for piece in [usize::MAX, 1] {
        let mut reader = reader();
        let (_, fault) = read_in_pieces(&mut reader, input, piece);
        let fault = fault.unwrap_or_else(|| panic!("no fault: {}", String::from_utf8_lossy(input)));
        assert_eq!(
            fault.condition,
            expected,
            "{fault} for {}",
            String::from_utf8_lossy(input)
        );
        assert_eq!(
            reader.read(&mut b"<a/>".as_slice()),
            Ok(None),
            "after a fault all is ignored"
        );
    }
}

/// The same input at the start of the stream's content.
#[track_caller]
fn check_inside(input: &str, expected: StreamCondition) {
    check(&format!("{HEAD}{input}"), expected);
}

#[test]
fn a_root_that_is_no_stream_is_refused() {
    check(
        "<stream:stream xmlns='jabber:client' xmlns:stream='urn:other'>",
        InvalidNamespace,
    );
    check("<stream xmlns='jabber:client'>", InvalidNamespace);
    check(
        "<s:flow xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'>",
        BadFormat,
    );
    check("<stream:stream xmlns='jabber:client'>", BadNamespacePrefix);
}

#[test]
fn the_content_namespace_must_be_that_of_the_port() {
    check(
        "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>",
        InvalidNamespace,
    );
    check(
        "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>",
        InvalidNamespace,
    );
    check("<stream xmlns='http://etherx.jabber.org/streams'>", InvalidNamespace);
    let mut server = StreamReader::new(StreamNamespace::Server, Budget::BEFORE_AUTH);
    let head = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>";
    assert_eq!(read_in_pieces(&mut server, head.as_bytes(), 1).1, None);
}

#[test]
fn document_type_declarations_are_restricted() {
    check("<!DOCTYPE x>", RestrictedXml);
    check(
        "<?xml version='1.0'?><!DOCTYPE lolz [<!ENTITY lol 'lol'>]><lolz>&lol;</lolz>",
        RestrictedXml,
    );
    check_inside("<!ENTITY a 'b'>", RestrictedXml);
    check_inside("<a><!DOCTYPE b></a>", RestrictedXml);
}

#[test]
fn comments_and_processing_instructions_are_restricted() {
    check("<!-- c --><stream:stream>", RestrictedXml);
    check_inside("<!-- c -->", RestrictedXml);
    check_inside("<a><!-- c --></a>", RestrictedXml);
    check("<?xml-stylesheet href='x'?>", NotWellFormed);
    check_inside("<?xml version='1.0'?>", RestrictedXml);
    check_inside("<?php ?>", RestrictedXml);
    check_inside("<a><?pi x?></a>", RestrictedXml);
}

#[test]
fn entity_references_other_than_the_five_are_restricted() {
    check_inside("<a>&nbsp;</a>", RestrictedXml);
    check_inside("<a b='&lol;'/>", RestrictedXml);
    check_inside("<a>&averyveryverylongname;</a>", RestrictedXml);
    check_inside("<a>&#0;</a>", NotWellFormed);
    check_inside("<a>&#xD800;</a>", NotWellFormed);
    check_inside("<a>& b</a>", NotWellFormed);
}

#[test]
fn what_is_not_utf_8_is_an_unsupported_encoding() {
    check("<?xml version='1.0' encoding='iso-8859-1'?>", UnsupportedEncoding);
    check_bytes(b"\xff\xfe<\0?\0x\0", UnsupportedEncoding);
    check_bytes(b"\0<\0?\0x", UnsupportedEncoding);
    check_bytes(b"<\0?\0x\0", UnsupportedEncoding);
    let latin1 = [HEAD.as_bytes(), b"<a>\xe4</a>"].concat();
    check_bytes(&latin1, UnsupportedEncoding);
    let latin1 = [HEAD.as_bytes(), b"<a b='\xc0\x80'/>"].concat();
    check_bytes(&latin1, UnsupportedEncoding);
}

#[test]
fn other_declarations_are_restricted() {
    check("<?xml version='1.1'?>", RestrictedXml);
    check("<?xml version='1.0' encoding='utf-8' standalone='no'?>", RestrictedXml);
    check("<?xml encoding='utf-8'?>", NotWellFormed);
}

#[test]
fn undeclared_prefixes_are_bad() {
    check_inside("<q:a/>", BadNamespacePrefix);
    check_inside("<a q:b='c'/>", BadNamespacePrefix);
    check_inside("<a xmlns:q='urn:q'/><q:b/>", BadNamespacePrefix);
    check_inside("<xmlns:a/>", BadNamespacePrefix);
}

#[test]
fn namespaces_must_be_well_formed() {
    check_inside("<a xmlns:q=''/>", NotWellFormed);
    check_inside("<a xmlns:xml='urn:q'/>", NotWellFormed);
    check_inside("<a xmlns:q='http://www.w3.org/XML/1998/namespace'/>", NotWellFormed);
    check_inside("<a xmlns:q='http://www.w3.org/2000/xmlns/'/>", NotWellFormed);
    check_inside("<a xmlns='urn:a' xmlns='urn:b'/>", NotWellFormed);
    check_inside("<a xmlns:q='urn:a' xmlns:q='urn:b'/>", NotWellFormed);
    check_inside("<a xmlns:p='urn:a' xmlns:q='urn:a' p:b='' q:b=''/>", NotWellFormed);
    check_inside("<a:b:c/>", NotWellFormed);
}

#[test]
fn what_is_not_well_formed_is_said_to_be_so() {
    check_inside("<a></b>", NotWellFormed);
    check_inside("<a b='1' b='2'/>", NotWellFormed);
    check_inside("<a b=1/>", NotWellFormed);
    check_inside("<a b='<'/>", NotWellFormed);
    check_inside("<a>]]></a>", NotWellFormed);
    check_inside("<a>\u{1}</a>", NotWellFormed);
    check_inside("<a>\u{ffff}</a>", NotWellFormed);
    check_inside("<1/>", NotWellFormed);
    check_inside("</stream>", NotWellFormed);
}

#[test]
fn text_between_stanzas_is_bad_format() {
    check_inside("x", BadFormat);
    check_inside("<a/>x<b/>", BadFormat);
    check_inside("&amp;", BadFormat);
    check_inside("<![CDATA[x]]><a/>", BadFormat);
    check("GET / HTTP/1.1\r\n", BadFormat);
}
