//! What the scripted server keeps for social clients: who follows, who likes, what is announced, and what was missed.

use std::collections::{BTreeMap, BTreeSet};

/// Its state.
#[derive(Default)]
pub(crate) struct Social {
    /// Who likes what there is.
    likes: BTreeSet<String>,
    /// Nodes that announce, by whose they are.
    light: BTreeSet<String>,
    /// Every post's message, in order, with whose it is.
    log: Vec<(String, String)>,
    /// What each account that has left had got of it.
    left_at: BTreeMap<String, usize>,
    /// Whom each account follows.
    follows: BTreeMap<String, BTreeSet<String>>,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wrong {
    /// Likes are counted without the last.
    pub(crate) likes: bool,
    /// An owner is told another number of followers.
    pub(crate) followers: bool,
    /// Announced posts hold what is in them.
    pub(crate) announced: bool,
    /// Who fetches gets the post before.
    pub(crate) fetched: bool,
    /// Who comes back misses the first post.
    pub(crate) missed: bool,
}

impl Social {
    /// What a request gets as the inner part of its answer, if it is one of these. `followers` are those of the owners.
    pub(crate) fn answer(&mut self, request: &str, by: &str, followers: &[u32], wrong: Wrong) -> Option<String> {
        let to = value(request, " to='").unwrap_or_default();
        if request.contains("<subscriptions node=") || request.contains("disco#info' node=") {
            let owner = to.split_once("author")?.1.split('@').next()?.parse().unwrap_or(0);
            let count: u32 = *followers.get::<usize>(owner)?;
            return Some(format!("<count>{}</count>", count + u32::from(wrong.followers)));
        }
        if request.contains("<attachments ") {
            self.likes.insert(value(request, "<item id='")?.to_owned());
            return Some(String::new());
        }
        if request.contains("attachments:summary") {
            let count = self.likes.len() - usize::from(wrong.likes);
            return Some(format!("<summary><noticed count='{count}'/></summary>"));
        }
        if request.contains("deliver_payloads") {
            self.light.insert(to.to_owned());
            return Some(String::new());
        }
        if request.contains("<subscribe ") {
            self.follows.entry(by.to_owned()).or_default().insert(to.to_owned());
            return Some(String::new());
        }
        if request.contains("<items ") {
            let of_node: Vec<&String> = self
                .log
                .iter()
                .filter(|(of, _)| of == to)
                .map(|(_, item)| item)
                .collect();
            let back = 1 + usize::from(wrong.fetched && of_node.len() > 1);
            let item = of_node.get(of_node.len() - back)?;
            return Some(format!("<items><item id='{item}'><entry/></item></items>"));
        }
        None
    }

    /// Keeps a post of this account; its message, and whether it is for this follower.
    pub(crate) fn publish(&mut self, of: &str, item: &str, wrong: Wrong) -> String {
        self.log.push((of.to_owned(), item.to_owned()));
        match self.light.contains(of) && !wrong.announced {
            true => format!("<message><event><items node='n'><item id='{item}'/></items></event></message>"),
            false => full(item),
        }
    }

    /// Whether an account gets the posts of another: of all, where it has said of nobody that it follows him.
    pub(crate) fn gets(&self, by: &str, of: &str) -> bool {
        self.follows.get(by).is_none_or(|follows| follows.contains(of))
    }

    /// What an account missed that comes back.
    pub(crate) fn missed(&mut self, by: &str, wrong: Wrong) -> String {
        let Some(at) = self.left_at.remove(by) else {
            return String::new();
        };
        let missed = self.log.iter().skip(at).filter(|(of, _)| self.gets(by, of));
        missed
            .skip(usize::from(wrong.missed))
            .map(|(_, item)| full(item))
            .collect()
    }

    /// An account leaves.
    pub(crate) fn leave(&mut self, by: &str) {
        self.left_at.insert(by.to_owned(), self.log.len());
    }
}

fn full(item: &str) -> String {
    format!("<message><event><items node='n'><item id='{item}'><entry>{item}</entry></item></items></event></message>")
}

fn value<'t>(text: &'t str, before: &str) -> Option<&'t str> {
    text.split_once(before)?.1.split('\'').next()
}
