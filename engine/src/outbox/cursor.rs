//! Cursors: up to where each device of an account has confirmed what it follows.
//!
//! Written unsynced through the applier: when a device comes, when it goes, and for those who lag behind their shard's
//! checkpoint. After a crash a live device stands at its shard's last checkpoint: repeats above it, never a loss.

use crate::error::StoreError;
use crate::limits::Limits;
use crate::model::{Seq, SubscriberId, Timestamp, VShard};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, CursorRow};
use crate::store::{Range, Store, View, Write};
use std::ops::ControlFlow;

/// How many runs' checkpoints are kept: a device that has not come back since is older than that.
const EPOCHS_KEPT: u32 = 1000;

/// A device's cursor, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRow {
    /// The device: its user-agent id, or the resource that it asked for.
    pub device: Box<str>,
    /// It has everything up to here.
    pub seq: Seq,
    /// When that was written.
    pub at: Timestamp,
}

/// The devices of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Devices(pub Vec<DeviceRow>);

impl Devices {
    /// Where a device begins: at its own cursor, else at the account's highest. The first device of an account begins
    /// at nothing: each subscription says since when it counts.
    pub fn start(&self, device: Option<&str>) -> Seq {
        let own = device.and_then(|device| self.0.iter().find(|row| *row.device == *device));
        own.or_else(|| self.0.iter().max_by_key(|row| row.seq))
            .map_or(Seq(0), |row| row.seq)
    }
}

/// What shards write about once a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointRow {
    /// The run.
    pub epoch: u32,
    /// The virtual shard.
    pub vshard: VShard,
    /// Every live session of it that has no row of its own has confirmed this.
    pub seq: Seq,
}

impl CheckpointRow {
    /// The row.
    pub fn write(self) -> Write {
        let key = keys::checkpoint(self.epoch, self.vshard).to_vec();
        Write {
            family: Family::CURSOR,
            key,
            value: Some(rows::encode(&self.seq)),
        }
    }
}

/// Begins a run of Reef: gives it a number and forgets the checkpoints of runs long ago.
///
/// # Errors
/// The store's failures.
pub fn start_epoch(store: &dyn Store) -> Result<u32, StoreError> {
    let epoch = rows::get::<u32>(store, Family::META, keys::EPOCH)?.unwrap_or(0) + 1;
    let mut writes = vec![Write {
        family: Family::META,
        key: keys::EPOCH.to_vec(),
        value: Some(rows::encode(&epoch)),
    }];
    store.scan(Family::CURSOR, &Range::prefix(b"c"), &mut |key, _| {
        if keys::read_checkpoint(key).is_none_or(|old| old + EPOCHS_KEPT >= epoch) {
            return ControlFlow::Break(());
        }
        writes.push(Write {
            family: Family::CURSOR,
            key: key.to_vec(),
            value: None,
        });
        ControlFlow::Continue(())
    })?;
    store.write(writes, true)?;
    Ok(epoch)
}

/// The devices of a subscriber, with what each has confirmed.
///
/// # Errors
/// The store's failures.
pub fn cursors_of(view: &dyn View, subscriber: SubscriberId, vshard: VShard) -> Result<Devices, StoreError> {
    let mut found = Vec::new();
    view.scan(
        Family::CURSOR,
        &Range::prefix(&keys::device(subscriber, "")),
        &mut |key, value| {
            found.push((
                keys::read_device(key).map(str::to_owned),
                rows::decode::<CursorRow>(Family::CURSOR, value),
            ));
            ControlFlow::Continue(())
        },
    )?;
    let mut devices = Devices::default();
    for (device, row) in found {
        let Some(device) = device else { continue };
        let (seq, at) = match row? {
            CursorRow::At { seq, at } => (seq, at),
            CursorRow::Live { epoch, at } => (
                rows::get(view, Family::CURSOR, &keys::checkpoint(epoch, vshard))?.unwrap_or_default(),
                at,
            ),
        };
        let device = device.into();
        devices.0.push(DeviceRow { device, seq, at });
    }
    devices.0.shrink_to_fit();
    Ok(devices)
}

/// Writes a device's row, and forgets those that are too many or too old.
pub fn device_writes(
    subscriber: SubscriberId,
    device: &str,
    row: CursorRow,
    known: &Devices,
    limits: &Limits,
    now: Timestamp,
) -> Vec<Write> {
    let key = keys::device(subscriber, device);
    let mut writes = vec![Write {
        family: Family::CURSOR,
        key,
        value: Some(rows::encode(&row)),
    }];
    let oldest = now.0.saturating_sub(u64::from(limits.device_days) * 86_400_000);
    let mut others: Vec<&DeviceRow> = known.0.iter().filter(|row| *row.device != *device).collect();
    others.sort_by_key(|row| std::cmp::Reverse(row.at));
    for (rank, other) in others.iter().enumerate() {
        // One row always stays, so that the account's highest cursor outlives the last device.
        if rank > 0 && (rank + 1 >= limits.devices_per_account || other.at.0 < oldest) {
            writes.push(Write {
                family: Family::CURSOR,
                key: keys::device(subscriber, &other.device),
                value: None,
            });
        }
    }
    writes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(device: &str, seq: u64, at: u64) -> DeviceRow {
        DeviceRow {
            device: device.into(),
            seq: Seq(seq),
            at: Timestamp(at),
        }
    }

    #[test]
    fn a_known_device_begins_at_its_own_and_a_new_one_at_the_highest() {
        let devices = Devices(vec![row("phone", 5, 1), row("tv", 9, 2)]);
        assert_eq!(devices.start(Some("phone")), Seq(5));
        assert_eq!(devices.start(Some("new")), Seq(9));
        assert_eq!(devices.start(None), Seq(9));
        assert_eq!(Devices::default().start(Some("phone")), Seq(0));
    }

    #[test]
    fn the_oldest_device_makes_room() {
        let limits = Limits {
            devices_per_account: 3,
            ..Limits::default()
        };
        let known = Devices(vec![row("a", 1, 10), row("b", 1, 30), row("c", 1, 20)]);
        let at = CursorRow::At {
            seq: Seq(3),
            at: Timestamp(40),
        };
        let writes = device_writes(SubscriberId(1), "d", at, &known, &limits, Timestamp(40));
        let gone: Vec<_> = writes
            .iter()
            .filter(|w| w.value.is_none())
            .map(|w| w.key.clone())
            .collect();
        assert_eq!(gone, vec![keys::device(SubscriberId(1), "a")]);
    }
}
