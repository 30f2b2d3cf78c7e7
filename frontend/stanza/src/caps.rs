//! Entity capabilities (XEP-0115): the hash of what an entity says about itself, and whether it is true. Must not know
//! whose caps they are; next: the cache of caps, keyed by hash.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use xmpp_parsers::caps::{compute_disco, hash_caps};
use xmpp_parsers::data_forms::DataForm;
use xmpp_parsers::disco::DiscoInfoResult;
use xmpp_parsers::hashes::Algo;

/// The verification string's SHA-1 in base64, which is the 'ver' of `<c hash='sha-1'/>` (XEP-0115 §5.1).
pub fn hash(info: &DiscoInfoResult) -> String {
    let mut info = info.clone();
    // Forms without FORM_TYPE do not count (§5.4 rule 3.6). xmpp-parsers keeps the fields' order, §5.1 sorts them.
    info.extensions.retain(|form| form.form_type().is_some());
    for form in &mut info.extensions {
        form.fields.sort_by(|a, b| a.var.cmp(&b.var));
    }
    // SHA-1 is one of the algorithms that `hash_caps` knows, so that it cannot fail.
    hash_caps(&compute_disco(&info), Algo::Sha_1)
        .map(|hash| STANDARD.encode(hash.hash))
        .unwrap_or_default()
}

/// Whether `info` is well-formed and its hash is `ver` (XEP-0115 §5.4). If not, it must not be cached for others. Twice
/// the same feature goes unseen, as the parser keeps a set; it cannot change what the hash stands for.
pub fn verify(info: &DiscoInfoResult, ver: &str) -> bool {
    let identities = info.identities.iter().enumerate();
    let mut pairs = identities.flat_map(|(at, one)| info.identities.iter().skip(at + 1).map(move |other| (one, other)));
    let twice = pairs.any(|(one, other)| {
        (&one.category, &one.type_, &one.lang, &one.name) == (&other.category, &other.type_, &other.lang, &other.name)
    });
    let mut types: Vec<&str> = info.extensions.iter().filter_map(DataForm::form_type).collect();
    types.sort_unstable();
    let forms = types.len();
    types.dedup();
    !twice && types.len() == forms && hash(info) == ver
}

#[cfg(test)]
mod tests {
    use super::*;
    use minidom::Element;

    fn info(xml: &str) -> DiscoInfoResult {
        let el: Element = format!("<query xmlns='http://jabber.org/protocol/disco#info'>{xml}</query>")
            .parse()
            .unwrap();
        DiscoInfoResult::try_from(el).unwrap()
    }

    const SIMPLE: &str = "<identity category='client' name='Exodus 0.9.1' type='pc'/>\
        <feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/>\
        <feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/>";

    #[test]
    fn the_simple_example_of_the_xep_has_its_hash() {
        assert_eq!(hash(&info(SIMPLE)), "QgayPKawpkPSDYmwT/WM94uAlu0=");
        assert!(verify(&info(SIMPLE), "QgayPKawpkPSDYmwT/WM94uAlu0="));
        assert!(!verify(&info(SIMPLE), "QgayPKawpkPSDYmwT/WM94uAlu1="));
    }

    #[test]
    fn the_complex_example_has_its_hash_in_any_order_of_fields() {
        let field = |var: &str, value: &str| format!("<field var='{var}'><value>{value}</value></field>");
        let mut fields = vec![
            field("os", "Mac"),
            field("os_version", "10.5.1"),
            field("software", "Psi"),
            field("software_version", "0.11"),
        ];
        fields.insert(
            0,
            "<field var='ip_version'><value>ipv6</value><value>ipv4</value></field>".into(),
        );
        for _ in 0..fields.len() {
            fields.rotate_left(1);
            let xml = format!(
                "<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>\
                 <identity xml:lang='el' category='client' name='\u{3a8} 0.11' type='pc'/>\
                 <feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/>\
                 <feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/>\
                 <x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'>\
                 <value>urn:xmpp:dataforms:softwareinfo</value></field>{}</x>",
                fields.concat()
            );
            assert_eq!(hash(&info(&xml)), "q07IKJEyjvHSyhy//CH0CxmKi8w=");
        }
    }

    #[test]
    fn what_is_ill_formed_is_not_verified() {
        let identity = "<identity category='client' name='Exodus 0.9.1' type='pc'/>";
        let twice = info(&format!("{identity}{SIMPLE}"));
        assert!(!verify(&twice, &hash(&twice)));
        let form = "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>t</value>\
                    </field></x>";
        let twice = info(&format!("{SIMPLE}{form}{form}"));
        assert!(!verify(&twice, &hash(&twice)));
    }
}
