//! What an entry must have before it is published (RFC 4287 §4.1.2): a title, an id, the time of its last change.
//!
//! As strict as readers need and as lenient as social clients are: nothing is asked of author, links or content.

use jiff::Timestamp;
use minidom::Element;
use reef_stanza::ns;

/// One line that says what is wrong.
pub(crate) type Wrong = String;

/// Whether it is an entry with title, id and times.
///
/// # Errors
/// What is wrong.
pub(crate) fn entry(root: &Element) -> Result<(), Wrong> {
    if root.is("feed", ns::ATOM) {
        return Err("an Atom feed is published as item 0 alone: publish its entries one by one".into());
    }
    container(root, "entry")
}

/// Whether it is a feed's metadata (XEP-0277 §5): what an entry has, in `<feed/>`.
///
/// # Errors
/// What is wrong.
pub(crate) fn metadata(root: &Element) -> Result<(), Wrong> {
    container(root, "feed")
}

/// Whether the entry brings a picture, or another file (XEP-0472 §4.3).
pub(crate) fn has_enclosure(root: &Element) -> bool {
    root.children().any(|child| {
        let named = child.is("link", ns::ATOM) && child.attr("rel") == Some("enclosure");
        named && child.attr("href").is_some_and(|href| !href.trim().is_empty())
    })
}

fn container(root: &Element, name: &str) -> Result<(), Wrong> {
    if !root.is(name, ns::ATOM) {
        return Err(format!("the payload is no <{name}/> in the namespace {}", ns::ATOM));
    }
    titles(root)?;
    if one(root, "id")?.text().trim().is_empty() {
        return Err("<id/> is empty".into());
    }
    time(one(root, "updated")?)?;
    let mut published = all(root, "published");
    match (published.next(), published.next()) {
        (None, _) => Ok(()),
        (Some(at), None) => time(at),
        _ => Err("<published/> is there more than once".into()),
    }
}

/// COMPAT: Libervia gives a rich title twice, as text and as XHTML, so one of each kind and language will do.
fn titles(root: &Element) -> Result<(), Wrong> {
    let kind = |title: &Element| {
        let lang = title.attr_ns(ns::XML, "lang").map(str::to_owned);
        (title.attr("type").unwrap_or("text").to_owned(), lang)
    };
    let mut seen: Vec<_> = Vec::new();
    for title in all(root, "title").map(kind) {
        if seen.contains(&title) {
            return Err("<title/> is there more than once".into());
        }
        seen.push(title);
    }
    match seen.is_empty() {
        true => Err("<title/> is missing".into()),
        false => Ok(()),
    }
}

fn all<'e>(root: &'e Element, name: &'static str) -> impl Iterator<Item = &'e Element> {
    root.children().filter(move |child| child.is(name, ns::ATOM))
}

fn one<'e>(root: &'e Element, name: &'static str) -> Result<&'e Element, Wrong> {
    let mut found = all(root, name);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(format!("<{name}/> is missing")),
        _ => Err(format!("<{name}/> is there more than once")),
    }
}

/// RFC 3339. COMPAT: Movim writes an offset without its colon.
fn time(at: &Element) -> Result<(), Wrong> {
    let text = at.text();
    let text = text.trim();
    let shaped = text.is_ascii() && matches!(text.as_bytes().get(10), Some(b'T' | b't')) && !text.contains('[');
    match text.parse::<Timestamp>() {
        Ok(_) if shaped => Ok(()),
        _ => Err(format!("<{}/> is no time as RFC 3339 writes it", at.name())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(children: &str, expected: Result<(), &str>) {
        let text = format!("<entry xmlns='http://www.w3.org/2005/Atom'>{children}</entry>");
        let found = entry(&text.parse().unwrap());
        assert_eq!(
            found.as_ref().map(|_| ()).map_err(String::as_str),
            expected,
            "{children}"
        );
    }

    const ID: &str = "<id>i</id>";
    const WHEN: &str = "<updated>2008-05-08T18:30:02Z</updated>";

    #[test]
    fn an_entry_has_one_title_one_id_and_one_time() {
        check(&format!("<title>t</title>{ID}{WHEN}"), Ok(()));
        check(&format!("<title/>{ID}{WHEN}<x xmlns='urn:x'/><author/>"), Ok(()));
        check(&format!("{ID}{WHEN}"), Err("<title/> is missing"));
        check(&format!("<title/>{WHEN}"), Err("<id/> is missing"));
        check(&format!("<title/><id> </id>{WHEN}"), Err("<id/> is empty"));
        check(&format!("<title/>{ID}"), Err("<updated/> is missing"));
        check(&format!("<title/>{ID}{ID}{WHEN}"), Err("<id/> is there more than once"));
        check(
            &format!("<title/>{ID}{WHEN}{WHEN}"),
            Err("<updated/> is there more than once"),
        );
        // Of another namespace it is no title.
        check(&format!("<title xmlns='urn:x'/>{ID}{WHEN}"), Err("<title/> is missing"));
    }

    #[test]
    fn a_title_may_be_there_as_text_and_as_xhtml_but_not_twice() {
        check(&format!("<title type='text'/><title type='xhtml'/>{ID}{WHEN}"), Ok(()));
        check(
            &format!("<title xml:lang='en'/><title xml:lang='fr'/>{ID}{WHEN}"),
            Ok(()),
        );
        check(
            &format!("<title type='text'/><title/>{ID}{WHEN}"),
            Err("<title/> is there more than once"),
        );
    }

    #[test]
    fn times_are_those_of_rfc_3339_and_of_movim() {
        let when = |time: &str| format!("<title/>{ID}<updated>{time}</updated>");
        for time in [
            "2008-05-08T18:30:02.25+01:00",
            "2008-05-08T18:30:02-00:00",
            " 2008-05-08T18:30:02Z\n",
            "2016-12-31T23:59:60Z",
            "2008-05-08T18:30:02+0000",
        ] {
            check(&when(time), Ok(()));
        }
        for time in [
            "",
            "yesterday",
            "2008-05-08",
            "2008-05-08T18:30:02",
            "2008-13-08T18:30:02Z",
            "2008-05-08 18:30:02Z",
            "2008-05-08T18:30:02Z[UTC]",
            "1210271402",
        ] {
            check(&when(time), Err("<updated/> is no time as RFC 3339 writes it"));
        }
        check(
            &format!("<title/>{ID}{WHEN}<published>then</published>"),
            Err("<published/> is no time as RFC 3339 writes it"),
        );
    }

    #[test]
    fn a_feed_is_metadata_and_no_entry() {
        let feed = format!("<feed xmlns='http://www.w3.org/2005/Atom'><title/>{ID}{WHEN}</feed>");
        let feed: Element = feed.parse().unwrap();
        assert!(entry(&feed).is_err());
        assert_eq!(metadata(&feed), Ok(()));
        let other = entry(&"<entry xmlns='urn:x'/>".parse().unwrap());
        assert_eq!(
            other.unwrap_err(),
            "the payload is no <entry/> in the namespace http://www.w3.org/2005/Atom"
        );
    }

    #[test]
    fn an_enclosure_is_a_link_that_leads_somewhere() {
        let with = |link: &str| {
            let entry = format!("<entry xmlns='http://www.w3.org/2005/Atom'>{link}</entry>");
            has_enclosure(&entry.parse().unwrap())
        };
        assert!(with("<link rel='enclosure' href='https://capulet.lit/romeo.jpg'/>"));
        assert!(!with("<link rel='enclosure'/>") && !with("<link href='https://capulet.lit/'/>"));
        assert!(!with("<link xmlns='urn:x' rel='enclosure' href='a'/>"));
    }
}
