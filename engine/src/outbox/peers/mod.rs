//! What is due to other servers: pointers, one for each post and peer, and the pages that a peer's sender reads.
//!
//! A post leaves one unsorted row in its commit; [`Sorter`] gives each peer its pointer behind it. Who follows is read
//! when it is sent. Knows no server and no stanza. Next: the front end's senders, which pull and move the cursor.

mod page;
mod sort;
mod state;

pub use page::{Backlog, PeerDue, PeerPage, PeerRequest, has_more, page};
pub use sort::{PeerWake, Sorter, sort};
pub use state::{PeerState, begin, delivered, forget, states};
