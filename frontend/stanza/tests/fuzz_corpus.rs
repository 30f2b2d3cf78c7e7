//! Mutations of valid streams, from a fixed seed, so that no fuzzer is needed to run them: whatever comes, the reader
//! answers with frames or a fault, the same for every way to cut the input, and what it accepted can be parsed, written
//! and read again. Knows only the crate's public face. A stream that once broke something joins `CORPUS`.

use minidom::Element;
use reef_stanza::form::Form;
use reef_stanza::{
    Budget, Frame, IqPayload, StreamFault, StreamNamespace, StreamReader, error_reply, pubsub, register, rsm,
    self_contained, write_element,
};

const HEAD: &str = "<?xml version='1.0' encoding='utf-8'?><stream:stream xmlns='jabber:client' \
                    xmlns:stream='http://etherx.jabber.org/streams' to='x' version='1.0' xml:lang='en'>";

const CORPUS: &[&str] = &[
    "<iq type='set' id='1'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item id='i'>\
     <entry xmlns='http://www.w3.org/2005/Atom' xml:lang='de'><title>t &amp; u</title></entry></item></publish>\
     <publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>t</value></field>\
     <field var='a'><value>b</value></field></x></publish-options></pubsub></iq></stream:stream>",
    "<iq type='get' id='2'><pubsub xmlns='http://jabber.org/protocol/pubsub'><set xmlns='http://jabber.org/protocol/rsm'>\
     <max>10</max><before/></set><items node='n' max_items='3'><item id='j'/></items></pubsub></iq>\n <presence/>",
    "<iq type='set' id='3'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><affiliations node='n'>\
     <affiliation jid='a@x' affiliation='owner'/></affiliations></pubsub></iq>",
    "<iq type='set' id='4'><query xmlns='jabber:iq:register'><username>u</username><password>p</password></query></iq>",
    "<message from='a@x' to='b@x'><body>\u{1f41a} &#x1F41A; <![CDATA[<&]]]]> ]] > \r\n\r</body>\
     <q:a xmlns:q='urn:q' xmlns:r='urn:r' q:b=\"'\" r:b='\"'><c xmlns=''/></q:a></message>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>",
    "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
];

/// Pieces that matter to a parser.
const TOKENS: &[&str] = &[
    "<",
    ">",
    "/>",
    "</",
    "'",
    "\"",
    "=",
    "&",
    ";",
    "&#",
    "&#x0;",
    "]]>",
    "<![CDATA[",
    "<!--",
    "-->",
    "<?xml",
    "?>",
    "<!DOCTYPE",
    "xmlns",
    "xmlns:",
    ":",
    " ",
    "\n",
    "\r",
    "\0",
    "\u{feff}",
    "\u{fffe}",
    "stream:",
    "xml:lang='",
    "<a>",
    "</a>",
];

/// xorshift64*: enough for choosing places.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound.max(1)
    }
}

fn mutate(random: &mut Random) -> Vec<u8> {
    let mut bytes = format!("{HEAD}{}", CORPUS[random.below(CORPUS.len())]).into_bytes();
    for _ in 0..1 + random.below(4) {
        // The header is left alone in most streams, so that what follows it is reached.
        let from = if random.below(8) == 0 {
            0
        } else {
            HEAD.len().min(bytes.len())
        };
        let at = from + random.below(bytes.len() - from + 1);
        let end = (at + random.below(12)).min(bytes.len());
        match random.below(6) {
            0 => drop(bytes.drain(at..end)),
            1 => drop(bytes.splice(at..end, TOKENS[random.below(TOKENS.len())].bytes())),
            2 => drop(bytes.splice(at..at, TOKENS[random.below(TOKENS.len())].bytes())),
            3 => bytes.truncate(at),
            4 => bytes.insert(at, random.below(256) as u8),
            _ => {
                let copy = bytes[at..end].repeat(1 + random.below(40));
                drop(bytes.splice(at..at, copy));
            }
        }
    }
    bytes
}

fn read(input: &[u8], piece: usize) -> (Vec<Frame>, Option<StreamFault>) {
    let budget = Budget {
        stanza_bytes: 2_000,
        depth: 8,
        attributes: 8,
        elements: 40,
    };
    let mut reader = StreamReader::new(StreamNamespace::Client, budget);
    let mut frames = Vec::new();
    for mut rest in input.chunks(piece.max(1)) {
        loop {
            match reader.read(&mut rest) {
                Ok(Some(Frame::Whitespace)) => {}
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(fault) => return (frames, Some(fault)),
            }
        }
    }
    (frames, None)
}

/// Shows a stanza to everything that parses one; the results do not matter, as long as there are some.
fn parse(stanza: &Element) {
    for payload in stanza.children() {
        for set in [false, true] {
            let _ = pubsub::Request::parse(payload, set);
            let _ = register::Query::parse(payload, set);
        }
        let _ = (
            Form::find(payload),
            rsm::Request::find(payload),
            rsm::Reply::parse(payload),
        );
        if let Err(error) = xmpp_parsers::roster::Roster::parse(payload.clone()) {
            let reply = error_reply(stanza, &error);
            assert_eq!(reply.attr("type"), Some("error"));
        }
    }
}

/// Bytes that were accepted once are accepted again, and say the same.
fn rewrite(stanza: &Element) {
    let mut bytes = HEAD.as_bytes().to_vec();
    write_element(stanza, StreamNamespace::Client, &mut bytes);
    let mut reader = StreamReader::new(StreamNamespace::Client, Budget::AFTER_AUTH);
    let mut input = bytes.as_slice();
    assert!(matches!(reader.read(&mut input), Ok(Some(Frame::Header(_)))));
    assert_eq!(reader.read(&mut input), Ok(Some(Frame::Element(stanza.clone()))));
    let payload = self_contained(stanza, None);
    assert_eq!(Element::from_reader(payload.as_slice()).ok().as_ref(), Some(stanza));
}

#[test]
fn mutated_streams_give_frames_or_a_fault_however_they_are_cut() {
    let mut random = Random(0x5eed_0f5e_ed0f_5eed);
    let (mut stanzas, mut faults) = (0, 0);
    for round in 0..10_000 {
        let input = mutate(&mut random);
        let whole = read(&input, input.len());
        let text = || format!("round {round}: {}", String::from_utf8_lossy(&input));
        assert_eq!(read(&input, 1), whole, "{}", text());
        assert_eq!(read(&input, 1 + random.below(64)), whole, "{}", text());
        faults += usize::from(whole.1.is_some());
        for frame in &whole.0 {
            if let Frame::Element(stanza) = frame {
                stanzas += 1;
                parse(stanza);
                rewrite(stanza);
            }
        }
    }
    assert!(
        stanzas > 500 && faults > 500,
        "the mutations reach both ends: {stanzas} stanzas, {faults} faults"
    );
}

#[test]
fn the_corpus_itself_is_valid() {
    for stream in CORPUS {
        let (frames, fault) = read(format!("{HEAD}{stream}").as_bytes(), 17);
        assert_eq!(fault, None, "{stream}");
        assert!(frames.len() >= 2, "{stream}");
    }
}
