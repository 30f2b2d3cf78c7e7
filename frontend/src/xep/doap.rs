//! `reef.doap`: what the server speaks, for software that compares servers (XEP-0453).
//!
//! Made of the table of modules, which a test compares. Knows no module.

use super::{MODULES, Module};
use reef_stanza::escape_text;

/// What stands before the list.
const HEAD: &str = "<?xml version='1.0' encoding='UTF-8'?>
<rdf:RDF xmlns='http://usefulinc.com/ns/doap#' xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' \
xmlns:xmpp='https://linkmauve.fr/ns/xmpp-doap#'>
  <Project>
    <name>Reef</name>
    <shortdesc xml:lang='en'>An XMPP server for posts with very many followers</shortdesc>
    <description xml:lang='en'>Publish and subscribe for millions of followers, on RocksDB; a server for ordinary XMPP clients and \
other servers; a gateway to phones.</description>
    <programming-language>Rust</programming-language>
    <os>Linux</os>
    <category rdf:resource='https://linkmauve.fr/ns/xmpp-doap#category-jabber'/>
    <category rdf:resource='https://linkmauve.fr/ns/xmpp-doap#category-server'/>
";

/// The whole file.
#[doc(hidden)]
pub fn doap() -> String {
    let mut doap = HEAD.to_owned();
    for module in MODULES {
        doap.push_str(&implemented(module));
    }
    doap.push_str("  </Project>\n</rdf:RDF>\n");
    doap
}

/// One line for an RFC, an entry for a XEP; nothing for what is our own.
fn implemented(module: &Module) -> String {
    if let Some(number) = module.spec.strip_prefix("RFC ") {
        return format!("    <implements rdf:resource='https://www.rfc-editor.org/info/rfc{number}'/>\n");
    }
    let Some(number) = module.spec.strip_prefix("XEP-") else {
        return String::new();
    };
    let mut note = Vec::new();
    escape_text(module.note, &mut note);
    format!(
        "    <implements>
      <xmpp:SupportedXep>
        <xmpp:xep rdf:resource='https://xmpp.org/extensions/xep-{number}.html'/>
        <xmpp:version>{}</xmpp:version>
        <xmpp:note xml:lang='en'>{}</xmpp:note>
      </xmpp:SupportedXep>
    </implements>\n",
        module.version,
        String::from_utf8_lossy(&note)
    )
}
