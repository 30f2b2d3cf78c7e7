//! An entry's parts, as people read them.
//!
//! Whatever is missing is empty: an entry that was kept before there was a check is shown as far as it goes. Knows no
//! output; next: `http/pages/`.

use super::html;
use minidom::{Element, Node};
use reef_stanza::ns;

/// What of an entry is shown.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Entry {
    /// Its title's words.
    pub(crate) title: Option<String>,
    /// Its content's words; its summary's where it has none.
    pub(crate) text: Option<String>,
    /// The element around its content as XHTML.
    pub(crate) rich: Option<Element>,
    /// The author's name, as the entry says it.
    pub(crate) author: Option<String>,
    /// The author's address, as the entry says it.
    pub(crate) author_uri: Option<String>,
    /// When it was published, in its own words.
    pub(crate) published: Option<String>,
    /// Where it leads.
    pub(crate) links: Vec<Link>,
    /// Its categories.
    pub(crate) tags: Vec<String>,
    /// The language that it says it is in.
    pub(crate) lang: Option<String>,
}

/// One `<link/>`.
#[derive(Debug, PartialEq)]
pub(crate) struct Link {
    /// `alternate` where it is not said (RFC 4287 §4.2.7.2).
    pub(crate) rel: String,
    /// Where it leads.
    pub(crate) href: String,
    /// What it is called.
    pub(crate) title: Option<String>,
}

impl Link {
    fn of(link: &Element) -> Option<Link> {
        Some(Link {
            rel: link.attr("rel").unwrap_or("alternate").to_owned(),
            href: link.attr("href")?.trim().to_owned(),
            title: link.attr("title").filter(|title| !title.is_empty()).map(str::to_owned),
        })
    }
}

impl Entry {
    /// The parts of an Atom entry; `None` of anything else.
    pub(crate) fn of(root: &Element) -> Option<Entry> {
        if !root.is("entry", ns::ATOM) {
            return None;
        }
        let named = |name: &'static str| root.children().filter(move |child| child.is(name, ns::ATOM));
        let author = named("author").next();
        let part = |name: &str| author.and_then(|author| words(author, name));
        let category = |category: &Element| {
            let name = category.attr("label").or(category.attr("term"))?;
            Some(name.trim().to_owned()).filter(|name| !name.is_empty())
        };
        Some(Entry {
            title: words(root, "title"),
            text: words(root, "content").or_else(|| words(root, "summary")),
            rich: named("content")
                .find(|content| content.attr("type") == Some("xhtml"))
                .and_then(|content| content.children().find(|child| child.is("div", ns::XHTML)))
                .cloned(),
            author: part("name"),
            author_uri: part("uri"),
            published: words(root, "published").or_else(|| words(root, "updated")),
            links: named("link").filter_map(Link::of).collect(),
            tags: named("category").filter_map(category).collect(),
            lang: root.attr_ns(ns::XML, "lang").map(str::to_owned),
        })
    }
}

/// The words of a text construct (RFC 4287 §3.1), the plain one before a rich one; `None` where there are none.
pub(super) fn words(root: &Element, name: &str) -> Option<String> {
    let mut all: Vec<&Element> = root.children().filter(|child| child.is(name, ns::ATOM)).collect();
    all.sort_by_key(|child| !matches!(child.attr("type"), None | Some("text")));
    all.into_iter().map(plain).find(|text| !text.is_empty())
}

fn plain(construct: &Element) -> String {
    let text = match construct.attr("type") {
        Some("xhtml") => {
            let mut text = String::new();
            walk(construct, &mut text);
            text
        }
        Some("html" | "text/html") => html::words(&construct.text()),
        _ => construct.text(),
    };
    text.trim().to_owned()
}

/// As deep as `parse` lets an element be.
fn walk(element: &Element, text: &mut String) {
    for node in element.nodes() {
        match node {
            Node::Text(words) => text.push_str(words),
            Node::Element(child) if html::is_silent(child.name()) => {}
            Node::Element(child) => {
                html::begin(child.name(), text);
                walk(child, text);
                html::end(child.name(), text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_far_as_it_goes() {
        let text = "<entry xmlns='http://www.w3.org/2005/Atom' xml:lang='it'><title>T</title><summary>S</summary>\
            <author><name>Romeo</name><uri>xmpp:romeo@montague.lit</uri></author><published>2008-05-08T18:30:02Z</published>\
            <link href='https://a.lit/1'/><link rel='replies' title='comments' href='xmpp:c.lit?;node=n'/><link rel='x'/>\
            <category term='humour'/><category/><x xmlns='urn:x'/></entry>";
        let entry = Entry::of(&text.parse().unwrap()).unwrap();
        assert_eq!((entry.title.as_deref(), entry.text.as_deref()), (Some("T"), Some("S")));
        assert_eq!(entry.author.as_deref(), Some("Romeo"));
        assert_eq!(entry.author_uri.as_deref(), Some("xmpp:romeo@montague.lit"));
        let links: Vec<_> = entry.links.iter().map(|link| (&*link.rel, &*link.href)).collect();
        assert_eq!(
            links,
            [("alternate", "https://a.lit/1"), ("replies", "xmpp:c.lit?;node=n")]
        );
        assert_eq!(
            (entry.tags, entry.lang.as_deref()),
            (vec!["humour".to_owned()], Some("it"))
        );
        let empty: Element = "<entry xmlns='http://www.w3.org/2005/Atom'/>".parse().unwrap();
        assert_eq!(Entry::of(&empty), Some(Entry::default()));
        assert_eq!(Entry::of(&"<entry xmlns='urn:x'/>".parse().unwrap()), None);
    }

    #[test]
    fn xhtml_is_kept_and_its_words_are_read_without_scripts() {
        let text = "<entry xmlns='http://www.w3.org/2005/Atom'><content type='xhtml'>\
            <div xmlns='http://www.w3.org/1999/xhtml'><p>one</p><p>two<br/>three</p><script>no()</script></div>\
            </content></entry>";
        let entry = Entry::of(&text.parse().unwrap()).unwrap();
        assert_eq!(entry.text.as_deref(), Some("one\ntwo\nthree"));
        assert!(entry.rich.is_some_and(|rich| rich.name() == "div"));
    }
}
