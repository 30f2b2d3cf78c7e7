//! The words of HTML, without a parser of it: tags go, what they part is parted, entities become characters.
//!
//! The outcome is text and is escaped by whoever shows it, so that nothing here has to be safe, only readable.

/// The words of escaped markup (RFC 4287 §3.1.1.2).
pub(super) fn words(markup: &str) -> String {
    let mut text = String::with_capacity(markup.len());
    let mut rest = markup;
    while let Some((before, tag)) = rest.split_once('<') {
        characters(before, &mut text);
        if let Some(comment) = tag.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, behind)| behind);
            continue;
        }
        let (tag, behind) = tag.split_once('>').unwrap_or((tag, ""));
        let name = name(tag.trim_start_matches('/'));
        rest = behind;
        if tag.starts_with('/') {
            end(&name, &mut text);
        } else if is_silent(&name) && !tag.ends_with('/') {
            rest = behind_end(behind, &name);
        } else {
            begin(&name, &mut text);
        }
    }
    characters(rest, &mut text);
    text
}

/// What is between the tags of these is not for people.
pub(super) fn is_silent(name: &str) -> bool {
    matches!(name, "script" | "style" | "head" | "title" | "template")
}

/// A line ends before these begin.
pub(super) fn begin(name: &str, text: &mut String) {
    match name {
        "br" => text.push('\n'),
        _ => end(name, text),
    }
}

/// A line ends where these do.
pub(super) fn end(name: &str, text: &mut String) {
    let parts = matches!(
        name,
        "p" | "div"
            | "li"
            | "ul"
            | "ol"
            | "blockquote"
            | "pre"
            | "tr"
            | "table"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
    );
    if parts && !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

fn name(tag: &str) -> String {
    let name: String = tag.chars().take_while(char::is_ascii_alphanumeric).collect();
    name.to_ascii_lowercase()
}

/// What follows the end tag of this name. One look at each end tag.
fn behind_end<'m>(mut markup: &'m str, name: &str) -> &'m str {
    while let Some((_, tag)) = markup.split_once("</") {
        if self::name(tag) == name {
            return tag.split_once('>').map_or("", |(_, behind)| behind);
        }
        markup = tag;
    }
    ""
}

/// Text with entities. An unknown one stays as it is written.
fn characters(mut markup: &str, text: &mut String) {
    /// The longest name that is looked at, with its semicolon.
    const NAME_MAX: usize = 10;
    while let Some((before, entity)) = markup.split_once('&') {
        text.push_str(before);
        let end = entity.bytes().take(NAME_MAX).position(|byte| byte == b';');
        let known = end.and_then(|end| Some((character(entity.get(..end)?)?, entity.get(end + 1..)?)));
        match known {
            Some((character, behind)) => {
                text.push(character);
                markup = behind;
            }
            None => {
                text.push('&');
                markup = entity;
            }
        }
    }
    text.push_str(markup);
}

fn character(entity: &str) -> Option<char> {
    if let Some(number) = entity.strip_prefix('#') {
        let number = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return number
            .ok()
            .and_then(char::from_u32)
            .filter(|c| !c.is_control() || *c == '\n');
    }
    Some(match entity {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "hellip" => '…',
        "ndash" => '–',
        "mdash" => '—',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(markup: &str, expected: &str) {
        assert_eq!(words(markup).trim(), expected, "{markup}");
    }

    #[test]
    fn tags_go_and_what_they_part_is_parted() {
        check("<p>one</p><P class='x'>two<br>three</p>", "one\ntwo\nthree");
        check("a <b>b</b> c", "a b c");
        check("<ul><li>1</li><li>2</li></ul>", "1\n2");
        check("a<!-- <b> -->b", "ab");
    }

    #[test]
    fn entities_become_characters_once() {
        check(
            "1 &lt; 2 &amp;amp; &#228;&#xE4; &unknown; &",
            "1 < 2 &amp; ää &unknown; &",
        );
        check("&#0;&#x110000;", "&#0;&#x110000;");
    }

    #[test]
    fn scripts_and_what_never_ends_are_not_shown() {
        check("a<script>if (1 < 2) { '</b>' }</SCRIPT >b", "ab");
        check("a<style>x", "a");
        check("a<b", "a");
        check("<script/>a", "a");
    }
}
