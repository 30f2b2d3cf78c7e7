//! The format's version: what a store says it is, and what this binary can read.
//!
//! Version 1 is the first. A later one adds its migration here, so that opening is the only place that knows old formats.

use super::keys::{self, Family};
use super::{Store, Write};
use crate::error::StoreError;

/// The format that this binary writes.
pub const FORMAT_VERSION: u32 = 1;

/// Refuses a store of a newer format; marks a new store with ours.
///
/// # Errors
/// [`StoreError::Newer`], or the store's own failures.
pub fn check_format(store: &dyn Store) -> Result<(), StoreError> {
    match store.get(Family::META, keys::FORMAT)? {
        Some(row) => {
            let found = row
                .try_into()
                .map(u32::from_be_bytes)
                .map_err(|_| StoreError::Corrupt("meta"))?;
            if found > FORMAT_VERSION {
                Err(StoreError::Newer {
                    found,
                    known: FORMAT_VERSION,
                })
            } else {
                Ok(())
            }
        }
        None => {
            let value = Some(FORMAT_VERSION.to_be_bytes().to_vec());
            store.write(
                vec![Write {
                    family: Family::META,
                    key: keys::FORMAT.to_vec(),
                    value,
                }],
                true,
            )
        }
    }
}
