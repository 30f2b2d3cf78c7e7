//! XEP-0398, User Avatar to vCard-Based Avatars Conversion: the picture in a card (XEP-0153) is the avatar of the account's
//! nodes (XEP-0084), both ways, and presence says its hash.
//!
//! What is XML of it. A card that is set without a picture leaves the avatar alone, as clients set cards that know of none; one
//! whose picture is empty takes it away. Next: `tables/avatar.rs` for what is kept, `session/avatar.rs` for presence.

use super::Module;
use crate::atom;
use crate::tables::Picture;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minidom::Element;
use reef_stanza::element::{Build, el};
use reef_stanza::{ns, self_contained};
use sha1::{Digest, Sha1};

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0398",
    version: "1.0.0",
    title: "User Avatar to vCard-Based Avatars Conversion",
    note: "both ways; who may not read the nodes sees no picture; an empty `PHOTO` takes it away, none leaves it: `session/avatar.rs`",
    server: &[],
    account: &["urn:xmpp:pep-vcard-conversion:0"],
    service: &[],
    routes: |_| {},
};

/// The id of the avatar that meta-data names: of that which is kept here, not elsewhere.
pub(crate) fn avatar_of(metadata: &[u8]) -> Option<String> {
    info(&atom::parse(metadata)?)?.attr("id").map(str::to_owned)
}

fn info(metadata: &Element) -> Option<&Element> {
    let mut infos = metadata.children().filter(|info| info.is("info", ns::AVATAR_METADATA));
    infos.find(|info| info.attr("url").is_none() && info.attr("id").is_some_and(is_hash))
}

/// Whether that may be a SHA-1: it goes into presence.
fn is_hash(id: &str) -> bool {
    id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The picture of a card, of the payloads of both nodes; `None` where the image is another than its id says.
pub(crate) fn photo(metadata: &[u8], data: &[u8]) -> Option<Element> {
    let metadata = atom::parse(metadata)?;
    let info = info(&metadata)?;
    let text: String = atom::parse(data)?.text().split_whitespace().collect();
    let image = STANDARD.decode(&text).ok()?;
    if !hex(&image).eq_ignore_ascii_case(info.attr("id")?) {
        return None;
    }
    let kind = info.attr("type").unwrap_or("image/png");
    let photo = el("PHOTO", ns::VCARD).child(el("TYPE", ns::VCARD).with_text(kind));
    Some(photo.child(el("BINVAL", ns::VCARD).with_text(&text)))
}

/// A card without its picture, and that, where it has one that can be an avatar, or an empty one.
pub(crate) fn without_photo(card: &Element) -> (Element, Option<Picture>) {
    let Some(photo) = card.get_child("PHOTO", ns::VCARD) else {
        return (card.clone(), None);
    };
    let text = |name: &str| {
        let child = photo.get_child(name, ns::VCARD)?;
        Some(child.text().split_whitespace().collect::<String>())
    };
    let picture = match text("BINVAL").filter(|data| !data.is_empty()) {
        Some(data) => picture(&data, text("TYPE").as_deref()),
        // A picture that lies elsewhere is none to be kept here.
        None if photo.get_child("EXTVAL", ns::VCARD).is_some() => None,
        None => Some(Picture {
            id: "".into(),
            data: Vec::new(),
            metadata: self_contained(&el("metadata", ns::AVATAR_METADATA), None),
        }),
    };
    if picture.is_none() {
        return (card.clone(), None);
    }
    let mut rest = card.clone();
    while rest.remove_child("PHOTO", ns::VCARD).is_some() {}
    (rest, picture)
}

fn picture(data: &str, kind: Option<&str>) -> Option<Picture> {
    let image = STANDARD.decode(data).ok().filter(|image| !image.is_empty())?;
    let id = hex(&image);
    let mut info = el("info", ns::AVATAR_METADATA)
        .set("id", &id)
        .set("bytes", &image.len().to_string())
        .set("type", kind.filter(|kind| !kind.is_empty()).unwrap_or("image/png"));
    if let Some((width, height)) = size(&image) {
        info = info.set("width", &width.to_string()).set("height", &height.to_string());
    }
    Some(Picture {
        id: id.into(),
        data: self_contained(&el("data", ns::AVATAR_DATA).with_text(data), None),
        metadata: self_contained(&el("metadata", ns::AVATAR_METADATA).child(info), None),
    })
}

/// Width and height of a PNG, which stand at its beginning; of other images they are left out.
fn size(image: &[u8]) -> Option<(u32, u32)> {
    let header = image.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(4..16)?;
    let (_, size) = header.split_at_checked(4).filter(|(kind, _)| *kind == b"IHDR")?;
    let (width, height) = size.split_first_chunk()?;
    Some((u32::from_be_bytes(*width), u32::from_be_bytes(*height.first_chunk()?)))
}

fn hex(image: &[u8]) -> String {
    Sha1::digest(image).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An available presence with the hash of the avatar, or that there is none (§5); nothing changes where it says the latter itself, or
/// where it is right already.
pub(crate) fn with_hash(presence: &mut Element, hash: &str) {
    let said = presence.get_child("x", ns::VCARD_UPDATE);
    let photo = said
        .and_then(|x| x.get_child("photo", ns::VCARD_UPDATE))
        .map(Element::text);
    if photo.is_some_and(|photo| photo.is_empty() || photo == hash) {
        return;
    }
    while presence.remove_child("x", ns::VCARD_UPDATE).is_some() {}
    let photo = el("photo", ns::VCARD_UPDATE).with_text(hash);
    presence.append_child(el("x", ns::VCARD_UPDATE).child(photo));
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x40\0\0\0\x20\x08\x06\0\0\0";

    #[test]
    fn a_picture_goes_to_both_nodes_and_comes_back() {
        let data = STANDARD.encode(PNG);
        let card = format!(
            "<vCard xmlns='vcard-temp'><FN>J</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>\n{data}\n</BINVAL></PHOTO></vCard>"
        );
        let (rest, picture) = without_photo(&card.parse().unwrap());
        let picture = picture.unwrap();
        assert!(rest.has_child("FN", ns::VCARD) && !rest.has_child("PHOTO", ns::VCARD));
        let metadata = atom::parse(&picture.metadata).unwrap();
        let info = info(&metadata).unwrap();
        assert_eq!(
            (info.attr("width"), info.attr("height"), info.attr("bytes")),
            (Some("64"), Some("32"), Some("29"))
        );
        assert_eq!(avatar_of(&picture.metadata).as_deref(), Some(&*picture.id));
        let photo = photo(&picture.metadata, &picture.data).unwrap();
        assert_eq!(photo.get_child("BINVAL", ns::VCARD).unwrap().text(), data);
        let other = self_contained(&el("data", ns::AVATAR_DATA).with_text("QUJD"), None);
        assert_eq!(super::photo(&picture.metadata, &other), None);
    }

    #[test]
    fn no_picture_is_none_an_empty_one_takes_it_away_and_what_is_no_image_stays_in_the_card() {
        let of = |photo: &str| without_photo(&format!("<vCard xmlns='vcard-temp'>{photo}</vCard>").parse().unwrap());
        assert_eq!(of("<FN>J</FN>").1, None);
        assert_eq!(&*of("<PHOTO/>").1.unwrap().id, "");
        for kept in [
            "<PHOTO><EXTVAL>http://a.lit/</EXTVAL></PHOTO>",
            "<PHOTO><BINVAL>?</BINVAL></PHOTO>",
        ] {
            let (rest, picture) = of(kept);
            assert!(picture.is_none() && rest.has_child("PHOTO", ns::VCARD), "{kept}");
        }
    }

    #[test]
    fn presence_says_the_hash_unless_its_client_says_that_there_is_none() {
        let with = |presence: &str| {
            let mut presence: Element = presence.parse().unwrap();
            with_hash(&mut presence, "abc");
            let x = presence.get_child("x", ns::VCARD_UPDATE).unwrap();
            x.get_child("photo", ns::VCARD_UPDATE).unwrap().text()
        };
        assert_eq!(with("<presence xmlns='jabber:client'/>"), "abc");
        assert_eq!(
            with("<presence xmlns='jabber:client'><x xmlns='vcard-temp:x:update'/></presence>"),
            "abc"
        );
        assert_eq!(
            with("<presence xmlns='jabber:client'><x xmlns='vcard-temp:x:update'><photo>old</photo></x></presence>"),
            "abc"
        );
        assert_eq!(
            with("<presence xmlns='jabber:client'><x xmlns='vcard-temp:x:update'><photo/></x></presence>"),
            ""
        );
    }
}
