//! What targets pull from: recent order and posts, pages for who catches up, cursors, and the threads that read.
//!
//! The engine never calls out: a target is woken, pulls, and moves its cursor. Knows no session. Next: `shard.rs`.

mod archive;
mod cursor;
mod digest;
mod order;
mod page;
pub mod peers;
mod reader;
mod recent;

pub use archive::{Archive, Of, Wanted, archive};
pub use cursor::{CheckpointRow, DeviceRow, Devices, cursors_of, device_writes, start_epoch};
pub use digest::{Digest, digest};
pub use order::order;
pub use page::{Following, Page, PageRequest, Run, left_out, page};
pub use reader::Readers;
pub use recent::Recent;
