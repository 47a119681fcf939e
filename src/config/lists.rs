//! `[lists]`: how block lists are reached, and when what they bring goes live.

use std::path::Path;

use blocklists_update::{Access, Promotion};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use policy::School;

use super::spec;

/// When new content goes live where nothing is said: before any lesson, after most providers' nights.
const PROMOTE_AT_DEFAULT: Time = Time::constant(5, 0, 0, 0);

/// What `[lists]` says.
#[derive(Debug)]
pub struct ListsPlan {
    /// The way out to the providers.
    pub access: Access,
    /// The time of day when new content of ordinary lists goes live; none = at once.
    promote_at: Option<Time>,
}

impl Default for ListsPlan {
    fn default() -> Self {
        Self { access: Access::default(), promote_at: Some(PROMOTE_AT_DEFAULT) }
    }
}

impl ListsPlan {
    /// Paths in the file are relative to `base`. Whether the files can be used is seen when they are.
    pub(super) fn from_spec(spec: spec::Lists, base: &Path) -> Self {
        let access = Access {
            proxy: spec.proxy,
            credentials: spec.credentials.map(|file| base.join(file)),
            ca: spec.ca.map(|file| base.join(file)),
            ..Access::default()
        };
        Self { access, promote_at: spec.promote_at.map_or(Some(PROMOTE_AT_DEFAULT), |at| at.0) }
    }

    /// When new content goes live, by the clock of the school.
    #[must_use]
    pub fn promotion(&self, school: &School) -> Promotion {
        let Some(time) = self.promote_at else { return Promotion::AtOnce };
        // A zone that this machine does not know: its own clock is the next best.
        let zone = school.timezone().and_then(|zone| TimeZone::get(zone).ok());
        Promotion::At { time, zone: zone.unwrap_or_else(TimeZone::system) }
    }
}
