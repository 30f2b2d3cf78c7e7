//! What browsers may make of a file: shown where it can do no harm, else saved.
//!
//! Its owner said of which type it is, and nobody looks into it: nothing of it runs, whatever that was. Knows no file.

use crate::uri::encode;

/// Nothing is loaded, run or framed.
pub(super) const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

/// Pictures that are pictures and nothing else: SVG runs scripts.
const PICTURES: [&str; 10] = [
    "apng", "avif", "bmp", "gif", "heic", "heif", "jpeg", "jxl", "png", "webp",
];

/// `Content-Type` and `Content-Disposition` of what was said to be of this type.
pub(super) fn shown(kind: &str, name: &str) -> (String, String) {
    let essence = essence(kind);
    let safe = match essence.split_once('/') {
        Some(("image", kind)) => PICTURES.contains(&kind),
        Some(("audio" | "video", kind)) => is_word(kind) && !kind.contains("xml"),
        Some(("text", "plain")) | Some(("application", "pdf")) => true,
        _ => false,
    };
    match (safe, essence.as_str()) {
        (true, "text/plain") => ("text/plain; charset=utf-8".to_owned(), "inline".to_owned()),
        (true, _) => (essence, "inline".to_owned()),
        // RFC 6266 §4.3.
        (false, _) => (
            "application/octet-stream".to_owned(),
            format!("attachment; filename*=UTF-8''{}", encode(name)),
        ),
    }
}

/// Whether two are the same type, whatever its parameters.
pub(super) fn is_same_kind(one: &str, other: &str) -> bool {
    essence(one) == essence(other)
}

fn essence(kind: &str) -> String {
    let essence = kind.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// A subtype as types are registered (RFC 6838 §4.2).
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_do_no_harm_is_shown_and_all_else_is_saved() {
        let shown = |kind: &str| shown(kind, "a b.html");
        for (said, kind) in [
            ("image/png", "image/png"),
            ("Image/JPEG; q=1", "image/jpeg"),
            ("video/mp4", "video/mp4"),
            ("audio/ogg; codecs=opus", "audio/ogg"),
            ("text/plain", "text/plain; charset=utf-8"),
            ("application/pdf", "application/pdf"),
        ] {
            assert_eq!(shown(said), (kind.to_owned(), "inline".to_owned()));
        }
        for said in [
            "text/html",
            "image/svg+xml",
            "video/x+xml",
            "audio/",
            "audio/a b",
            "",
            "text",
            "application/xhtml+xml",
        ] {
            let saved = "attachment; filename*=UTF-8''a%20b.html";
            assert_eq!(
                shown(said),
                ("application/octet-stream".to_owned(), saved.to_owned()),
                "{said}"
            );
        }
    }

    #[test]
    fn parameters_make_no_other_type() {
        assert!(is_same_kind("text/plain; charset=utf-8", "TEXT/plain"));
        assert!(!is_same_kind("text/html", "text/plain"));
    }
}
