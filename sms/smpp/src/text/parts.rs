//! A text cut into the octets of its segments, each with what joins it to the others.
//!
//! Never cuts behind an escape, inside a surrogate pair, nor inside what a reader sees as one character, if that fits into
//! one segment. Knows no PDU: `pdu::submit` puts a `Part` into one.

use super::alphabet::Convention;
use super::size::Alphabet;
use unicode_segmentation::UnicodeSegmentation;

/// How a route wants text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Form {
    /// What it takes data coding 0 for.
    pub convention: Convention,
    /// How it wants several segments joined.
    pub joined: Joined,
}

/// How the segments of one text are told to belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Joined {
    /// A header of six octets in front of the text, with eight bits of reference.
    #[default]
    Header8,
    /// One of seven, with sixteen.
    Header16,
    /// `sar_*` parameters; the SMSC makes headers of them, perhaps of seven octets.
    Sar,
    /// The whole text as `message_payload`; the SMSC cuts it.
    Payload,
}

/// A text as it goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Its alphabet.
    pub alphabet: Alphabet,
    /// Short messages that it takes on the air: what it costs.
    pub segments: usize,
    /// What is submitted: as many as segments, or one with `Joined::Payload`.
    pub parts: Vec<Part>,
}

/// What one submit carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Header and text.
    pub octets: Vec<u8>,
    /// Whether `octets` begin with a header.
    pub header: bool,
    /// 0 or 8.
    pub data_coding: u8,
    /// Reference, total and number, where parameters say them.
    pub sar: Option<(u16, u8, u8)>,
    /// Whether it goes as `message_payload`.
    pub payload: bool,
    /// Short messages on the air: 1, but for a payload.
    pub segments: usize,
}

/// A text of more than 255 segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text takes {segments} segments, 255 can be joined")]
pub struct TooLong {
    /// So many.
    pub segments: usize,
}

/// Cuts a text. `reference` joins its segments; eight bits of it with `Header8`.
///
/// # Errors
/// It takes more than 255 segments.
pub fn parts(text: &str, form: Form, reference: u16) -> Result<Parts, TooLong> {
    let alphabet = Alphabet::of(text, form);
    let cut = cuts(text, alphabet, form);
    let segments = cut.len();
    let total = u8::try_from(segments).map_err(|_| TooLong { segments })?;
    let whole = total == 1 || form.joined == Joined::Payload;
    let parts = if whole {
        vec![Part {
            payload: total > 1,
            segments,
            ..part(text, alphabet, form, Vec::new())
        }]
    } else {
        let numbered = (1_u8..).zip(cut);
        numbered
            .map(|(number, text)| joined(text, alphabet, form, (reference, total, number)))
            .collect()
    };
    Ok(Parts {
        alphabet,
        segments,
        parts,
    })
}

/// One of several.
fn joined(text: &str, alphabet: Alphabet, form: Form, (reference, total, number): (u16, u8, u8)) -> Part {
    let [high, low] = reference.to_be_bytes();
    let header = match form.joined {
        // TS 23.040 §9.2.3.24.1 and §9.2.3.24.8.
        Joined::Header8 => vec![5, 0x00, 3, low, total, number],
        Joined::Header16 => vec![6, 0x08, 4, high, low, total, number],
        Joined::Sar | Joined::Payload => Vec::new(),
    };
    Part {
        header: !header.is_empty(),
        sar: (form.joined == Joined::Sar).then_some((reference, total, number)),
        ..part(text, alphabet, form, header)
    }
}

fn part(text: &str, alphabet: Alphabet, form: Form, mut octets: Vec<u8>) -> Part {
    match alphabet {
        Alphabet::Gsm7 => {
            for character in text.chars() {
                let known = form.convention.encode(character, &mut octets);
                debug_assert!(known, "the alphabet was chosen by these characters");
            }
        }
        Alphabet::Ucs2 => octets.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
    }
    Part {
        octets,
        header: false,
        data_coding: if alphabet == Alphabet::Gsm7 { 0 } else { 8 },
        sar: None,
        payload: false,
        segments: 1,
    }
}

/// What one segment holds alone, and one of several.
fn room(alphabet: Alphabet, joined: Joined) -> (usize, usize) {
    match (alphabet, joined) {
        (Alphabet::Gsm7, Joined::Header8 | Joined::Payload) => (160, 153),
        (Alphabet::Gsm7, Joined::Header16 | Joined::Sar) => (160, 152),
        (Alphabet::Ucs2, Joined::Header8 | Joined::Payload) => (70, 67),
        (Alphabet::Ucs2, Joined::Header16 | Joined::Sar) => (70, 66),
    }
}

/// The texts of the segments; one, perhaps empty, at least.
pub(super) fn cuts(text: &str, alphabet: Alphabet, form: Form) -> Vec<&str> {
    let (single, several) = room(alphabet, form.joined);
    if text.chars().map(|character| alphabet.width(character)).sum::<usize>() <= single {
        return vec![text];
    }
    let mut cutter = Cutter {
        text,
        room: several,
        begin: 0,
        used: 0,
        cuts: Vec::new(),
    };
    for (at, cluster) in text.grapheme_indices(true) {
        let width = cluster.chars().map(|character| alphabet.width(character)).sum();
        if width <= several {
            cutter.take(at, width);
            continue;
        }
        // Nothing holds it whole: it is cut between characters.
        for (inside, character) in cluster.char_indices() {
            cutter.take(at + inside, alphabet.width(character));
        }
    }
    cutter.cuts.push(text.get(cutter.begin..).unwrap_or_default());
    cutter.cuts
}

struct Cutter<'a> {
    text: &'a str,
    room: usize,
    begin: usize,
    used: usize,
    cuts: Vec<&'a str>,
}

impl Cutter<'_> {
    /// What begins at `at` and is so wide goes into this segment or into the next.
    fn take(&mut self, at: usize, width: usize) {
        if self.used + width > self.room {
            self.cuts.push(self.text.get(self.begin..at).unwrap_or_default());
            self.begin = at;
            self.used = 0;
        }
        self.used += width;
    }
}
