//! What a stream's header declared: its root as written and the prefixes that all stanzas inherit.
//!
//! Nearly every client writes the same header, so that one is kept once for all streams. Next: `reader.rs`.

use super::tree::Declaration;
use crate::header::StreamNamespace;
use crate::ns;
use rxml::{Namespace, NcName};
use std::sync::OnceLock;

/// The root of a stream.
#[derive(Default)]
pub(super) enum Root {
    /// No header yet.
    #[default]
    Unknown,
    /// As everyone writes it.
    Ordinary(&'static Written),
    /// Another one.
    Own(Box<Written>),
}

#[derive(Debug)]
pub(super) struct Written {
    name: String,
    inherited: Vec<Declaration>,
}

impl Root {
    /// A root of this name, whose declarations are not read yet.
    pub(super) fn named(name: String) -> Root {
        let inherited = Vec::new();
        Root::Own(Box::new(Written { name, inherited }))
    }

    /// Its start tag is complete.
    pub(super) fn declare(&mut self, mut inherited: Vec<Declaration>) {
        if let Root::Own(own) = self {
            inherited.shrink_to_fit();
            own.name.shrink_to_fit();
            own.inherited = inherited;
            if let Some(ordinary) = ordinary().iter().find(|ordinary| ordinary.same(own)) {
                *self = Root::Ordinary(ordinary);
            }
        }
    }

    /// Its name as written; empty before there is one.
    pub(super) fn name(&self) -> &str {
        self.written().map_or("", |written| &written.name)
    }

    /// What stanzas inherit.
    pub(super) fn inherited(&self) -> &[Declaration] {
        self.written().map_or(&[], |written| &written.inherited)
    }

    fn written(&self) -> Option<&Written> {
        match self {
            Root::Unknown => None,
            Root::Ordinary(written) => Some(written),
            Root::Own(written) => Some(written),
        }
    }
}

impl Written {
    /// Whether they mean the same, in whichever order they declare.
    fn same(&self, other: &Written) -> bool {
        let declared = |one: &Declaration| {
            let same = |known: &&Declaration| known.prefix == one.prefix && known.namespace == one.namespace;
            other.inherited.iter().any(|known| same(&known))
        };
        self.name == other.name && self.inherited.len() == other.inherited.len() && self.inherited.iter().all(declared)
    }
}

/// `<stream:stream xmlns='…' xmlns:stream='http://etherx.jabber.org/streams'>`, for clients and for servers.
fn ordinary() -> &'static [Written] {
    static ORDINARY: OnceLock<Vec<Written>> = OnceLock::new();
    ORDINARY.get_or_init(|| {
        let prefix = NcName::try_from("stream").ok();
        let root = |namespace: StreamNamespace| Written {
            name: "stream:stream".to_owned(),
            inherited: vec![
                Declaration {
                    prefix: None,
                    namespace: Namespace::from_str(namespace.as_str()),
                },
                Declaration {
                    prefix: prefix.clone(),
                    namespace: Namespace::from_str(ns::STREAM),
                },
            ],
        };
        [StreamNamespace::Client, StreamNamespace::Server].map(root).into()
    })
}
