//! Text and short messages: what a text becomes on the air, what it costs, and what octets from the air say.
//!
//! Pure: knows no PDU, no route's name and no clock. Out: `plain`, then `fit`, then `parts`, whose count is `size`. In: the
//! header in front of the text (`header`), the parts put together (`reassembly`), the octets decoded (`decode`). `pdu` carries them.

pub mod alphabet;
mod decode;
mod fit;
pub mod header;
mod parts;
mod plain;
pub mod reassembly;
mod size;
#[cfg(test)]
mod tests;

pub use alphabet::Convention;
pub use decode::{Undecodable, decode};
pub use fit::{fit, without_emoji};
pub use header::Join;
pub use parts::{Form, Joined, Part, Parts, TooLong, parts};
pub use plain::plain;
pub use reassembly::{Added, Partial, Piece, Reassembly, Whole};
pub use size::{Alphabet, Size, size, size_in};
