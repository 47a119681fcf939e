//! The names behind the numbers that decisions and clients hold, kept apart from the snapshot.
//!
//! A count or an event outlives the snapshot that it belongs to; the ids are all of it that is
//! still needed then, and holding them does not hold the index. Snapshots that differ in nothing
//! that has a number here (another grant, another rule) share one table.

use policy::Snapshot;

/// Ids by number, as in the snapshot that they were read from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    /// Network ids.
    pub networks: Box<[String]>,
    /// Policy ids.
    pub policies: Box<[String]>,
    /// Category ids.
    pub categories: Box<[String]>,
    /// Group ids.
    pub groups: Box<[String]>,
    /// Device ids.
    pub devices: Box<[String]>,
}

impl Labels {
    /// The ids of a snapshot.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let school = snapshot.school();
        Self {
            networks: snapshot.networks().into(),
            policies: snapshot.policies().into(),
            categories: snapshot.categories().iter().map(|id| id.as_str().to_owned()).collect(),
            groups: school.groups().iter().map(|group| group.id.clone()).collect(),
            devices: school.devices().iter().map(|device| device.id.clone()).collect(),
        }
    }
}

/// The id of a number that may be missing.
pub(crate) fn id(ids: &[String], number: Option<u16>) -> Option<&str> {
    ids.get(usize::from(number?)).map(String::as_str)
}
