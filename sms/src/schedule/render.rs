//! Posts as text messages: who says it, what, how many more there are, and where the rest is.
//!
//! Knows no number. Next: `ring.rs` sends them.

use crate::config::{DefaultAlphabet, Kind, Links, Route};
use crate::network::Said;
use reef_smpp::text::{self, Convention, Form, Joined};

/// How a route wants text.
pub fn form(route: &Route) -> Form {
    use crate::config::Concatenation;
    Form {
        convention: match route.alphabet {
            DefaultAlphabet::Gsm7 => Convention::Gsm7,
            DefaultAlphabet::Latin1 => Convention::Latin1,
            DefaultAlphabet::Ascii => Convention::Ascii,
        },
        joined: match route.concatenation {
            // Providers split texts themselves.
            _ if route.kind == Kind::Http => Joined::Payload,
            Concatenation::Udh => Joined::Header8,
            Concatenation::Udh16 => Joined::Header16,
            Concatenation::Sar => Joined::Sar,
            Concatenation::Payload => Joined::Payload,
        },
    }
}

/// A post as it is sent.
pub struct Post<'p> {
    /// Its author, as texts call him.
    pub author: &'p str,
    /// What it says.
    pub said: &'p Said,
    /// Whom it repeats, as texts call him.
    pub repeats: Option<&'p str>,
    /// Others of the same author that are not sent.
    pub more: usize,
    /// Where it can be read.
    pub link: Option<&'p str>,
    /// Which links it may hold.
    pub links: Links,
    /// What ends it where its sender cannot be answered.
    pub opt_out: &'p str,
}

/// The words, cut to so many segments, and how many they take.
pub fn post(post: &Post<'_>, segments: u8, form: Form) -> (String, u8) {
    let words = match post.links {
        Links::All => post.said.text.clone(),
        Links::Own | Links::None => without_links(&post.said.text),
    };
    let head = match post.repeats {
        Some(author) => format!("RT @{author} by @{}: ", post.author),
        None => format!("@{}: ", post.author),
    };
    let more = match post.more {
        0 => String::new(),
        more => format!(" (+{more} more, MORE {})", post.author),
    };
    let end = match post.opt_out {
        "" => more,
        opt_out => format!("{more} {opt_out}"),
    };
    let link = post.link.filter(|_| post.links != Links::None);
    let plain = text::plain(&format!("{head}{words}"));
    let whole = format!("{plain}{end}");
    let whole = text::fit(&whole, "", usize::from(segments), form);
    if whole.ends_with(end.trim_end()) && !is_cut(&plain, &whole) {
        return sized(whole, form);
    }
    let tail = match link {
        Some(link) => format!("... {link}{end}"),
        None => format!("...{end}"),
    };
    sized(text::fit(&plain, &tail, usize::from(segments), form), form)
}

/// Whether the beginning was shortened: it may have lost its emoji.
fn is_cut(plain: &str, whole: &str) -> bool {
    !whole.starts_with(plain) && !whole.starts_with(&text::without_emoji(plain))
}

/// Any words, cut to so many segments.
pub fn words(words: &str, segments: u8, form: Form) -> (String, u8) {
    sized(text::fit(&text::plain(words), "...", usize::from(segments), form), form)
}

fn sized(text: String, form: Form) -> (String, u8) {
    let segments = text::size_in(&text, form).segments;
    (text, u8::try_from(segments).unwrap_or(u8::MAX))
}

/// The words without those that lead elsewhere.
fn without_links(text: &str) -> String {
    if !text.contains("://") && !text.contains("www.") {
        return text.to_owned();
    }
    let keeps = |word: &&str| !word.contains("://") && !word.starts_with("www.");
    let line = |line: &str| line.split(' ').filter(keeps).collect::<Vec<_>>().join(" ");
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str, more: usize, link: Option<&str>, segments: u8) -> (String, u8) {
        let said = Said {
            text: text.into(),
            ..Said::default()
        };
        let one = Post {
            author: "alice",
            said: &said,
            repeats: None,
            more,
            link,
            links: Links::Own,
            opt_out: "",
        };
        post(&one, segments, Form::default())
    }

    #[test]
    fn a_short_post_is_sent_as_it_is() {
        assert_eq!(
            rendered("hello “world”", 0, Some("https://x.test/u/a/1"), 2),
            ("@alice: hello \"world\"".into(), 1)
        );
        assert_eq!(
            rendered("hello", 3, None, 2),
            ("@alice: hello (+3 more, MORE alice)".into(), 1)
        );
    }

    #[test]
    fn a_long_post_says_where_the_rest_is() {
        let (text, segments) = rendered(&"word ".repeat(100), 2, Some("https://x.test/u/a/1"), 1);
        assert_eq!(segments, 1);
        assert!(
            text.ends_with("... https://x.test/u/a/1 (+2 more, MORE alice)"),
            "{text}"
        );
        assert!(text.len() > 150, "{text}");
        let (text, segments) = rendered(&"word ".repeat(100), 0, None, 2);
        assert!(segments == 2 && text.ends_with("..."), "{text}");
    }

    #[test]
    fn links_of_others_are_left_out() {
        assert_eq!(rendered("see https://evil.test/x now", 0, None, 2).0, "@alice: see now");
    }
}
