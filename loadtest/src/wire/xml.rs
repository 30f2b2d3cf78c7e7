//! As much of XML as a client without a parser needs: escaping, and one attribute of one tag.

use memchr::memmem;

/// Text for an attribute or for character data.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&apos;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// The value of an attribute of the first tag, as it is written.
pub(crate) fn attribute<'a>(stanza: &'a [u8], name: &str) -> Option<&'a str> {
    let tag = stanza.get(..memchr::memchr(b'>', stanza)? + 1)?;
    let wanted = format!(" {name}=");
    let at = memmem::find(tag, wanted.as_bytes())? + wanted.len();
    let quote = *tag.get(at)?;
    let value = tag.get(at + 1..)?;
    std::str::from_utf8(value.get(..memchr::memchr(quote, value)?)?).ok()
}

/// The text of the first tag of the stanza that is not the outermost one's, up to the next tag: SASL's base64.
pub(crate) fn text(stanza: &[u8]) -> &str {
    let inside = || {
        let from = memchr::memchr(b'>', stanza)? + 1;
        let rest = stanza.get(from..)?;
        std::str::from_utf8(rest.get(..memchr::memchr(b'<', rest)?)?).ok()
    };
    inside().unwrap_or_default().trim()
}

/// Whether the bytes hold this.
pub(crate) fn has(bytes: &[u8], needle: &str) -> bool {
    memmem::find(bytes, needle.as_bytes()).is_some()
}

/// Bytes for an error message: not too many, and the error in them first.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const SHOWN: usize = 300;
    let bytes = memmem::find(bytes, b"<error")
        .and_then(|at| bytes.get(at..))
        .unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes.get(..SHOWN.min(bytes.len())).unwrap_or_default()).into_owned();
    if bytes.len() > SHOWN { text + "…" } else { text }
}
