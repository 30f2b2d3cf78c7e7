//! What of an author's XHTML is shown: a list of elements, and of attributes the target of a link alone.
//!
//! Everything that is not on the list goes, its words stay; what is not for people goes whole. Knows no page.

use super::html::{escape, leads};
use minidom::{Element, Node};
use reef_stanza::ns;

/// Elements that are shown as they are, without their attributes.
const SHOWN: &[&str] = &[
    "p",
    "em",
    "strong",
    "b",
    "i",
    "del",
    "sub",
    "sup",
    "ul",
    "ol",
    "li",
    "blockquote",
    "code",
    "pre",
];
/// Those that are not for people, with all that is in them.
const SILENT: &[&str] = &[
    "script", "style", "head", "title", "template", "object", "iframe", "form", "select", "textarea", "noscript",
];

/// Writes what is within an element. As deep as `atom::parse` lets it be.
pub(super) fn safe(element: &Element, out: &mut String) {
    for node in element.nodes() {
        match node {
            Node::Text(text) => out.push_str(&escape(text)),
            Node::Element(child) if !child.has_ns(ns::XHTML) || SILENT.contains(&child.name()) => {}
            Node::Element(child) => shown(child, out),
        }
    }
}

fn shown(element: &Element, out: &mut String) {
    match element.name() {
        "br" => out.push_str("<br>"),
        "hr" => out.push_str("<hr>"),
        "a" => match element.attr("href").filter(|href| leads(href)) {
            Some(href) => {
                out.push_str(&anchor(href));
                safe(element, out);
                out.push_str("</a>");
            }
            None => safe(element, out),
        },
        // Nothing is loaded from elsewhere: a picture is a link to it.
        "img" => {
            if let Some(src) = element.attr("src").filter(|src| leads(src)) {
                let name = element
                    .attr("alt")
                    .filter(|alt| !alt.trim().is_empty())
                    .unwrap_or("picture");
                out.push_str(&format!("{}{}</a>", anchor(src), escape(name)));
            }
        }
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => around("h3", element, out),
        "div" | "section" | "article" => around("div", element, out),
        name => match SHOWN.iter().find(|known| **known == name) {
            Some(name) => around(name, element, out),
            None => safe(element, out),
        },
    }
}

fn around(name: &str, element: &Element, out: &mut String) {
    out.push_str(&format!("<{name}>"));
    safe(element, out);
    out.push_str(&format!("</{name}>"));
}

/// The beginning of a link to elsewhere.
pub(super) fn anchor(href: &str) -> String {
    format!("<a rel=\"nofollow noopener ugc\" href=\"{}\">", escape(href))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(markup: &str, expected: &str) {
        let div = format!("<div xmlns='http://www.w3.org/1999/xhtml'>{markup}</div>");
        let mut out = String::new();
        safe(&div.parse().unwrap(), &mut out);
        assert_eq!(out, expected, "{markup}");
    }

    #[test]
    fn what_is_on_the_list_stays_without_its_attributes() {
        check(
            "<p class='x' onclick='no()' style='color: red'>a <em>b</em><br/>c</p>",
            "<p>a <em>b</em><br>c</p>",
        );
        check(
            "<ul><li>1</li></ul><pre>a &lt; b</pre>",
            "<ul><li>1</li></ul><pre>a &lt; b</pre>",
        );
        check("<h1>T</h1>", "<h3>T</h3>");
    }

    #[test]
    fn links_lead_where_a_browser_may_go() {
        let link = "<a rel=\"nofollow noopener ugc\" href=";
        check(
            "<a href='https://a.lit/?a=\"&amp;b'>x</a>",
            &format!("{link}\"https://a.lit/?a=&quot;&amp;b\">x</a>"),
        );
        check("<a href='xmpp:a@b'>x</a>", &format!("{link}\"xmpp:a@b\">x</a>"));
        for bad in [
            "javascript:no()",
            " JavaScript:no()",
            "data:text/html,x",
            "/u/x",
            "",
            "java&#10;script:no()",
        ] {
            check(&format!("<a href='{bad}'>x</a>"), "x");
        }
        check(
            "<img src='https://a.lit/p.png' alt='P'/>",
            &format!("{link}\"https://a.lit/p.png\">P</a>"),
        );
        check("<img src='data:image/png;base64,x'/>", "");
    }

    #[test]
    fn what_is_not_on_the_list_goes_and_its_words_stay() {
        check("<span>a</span><font>b</font>", "ab");
        check(
            "<script>no()</script><style>x</style><iframe src='https://a'>y</iframe>b",
            "b",
        );
        check(
            "<svg xmlns='http://www.w3.org/2000/svg'><script>no()</script></svg>b",
            "b",
        );
        check("&lt;script>no()&lt;/script>", "&lt;script&gt;no()&lt;/script&gt;");
    }
}
