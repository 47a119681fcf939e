//! When a source is looked at again, and when what it brought goes live.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use blocklists::source::Location;
use blocklists::upkeep::Upkeep;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use crate::record::SourceRecord;
use crate::watch;

/// First wait after a failure; it doubles with each further one.
const BACK_OFF_MIN: Duration = Duration::from_secs(300);
/// Longest wait after failures.
const BACK_OFF_MAX: Duration = Duration::from_secs(86_400);
/// A wait is this many percent shorter or longer by chance, so that a provider does not meet all
/// schools at once.
const JITTER_PERCENT: u64 = 10;

/// When new content of ordinary lists goes live. Threats and locked lists never wait.
#[derive(Debug, Clone)]
pub enum Promotion {
    /// As soon as it is fit.
    AtOnce,
    /// At this time of day, when no lesson is disturbed.
    At {
        /// Local time.
        time: Time,
        /// Where the school is.
        zone: TimeZone,
    },
}

impl Promotion {
    /// When content that came at `now` goes live; `None`: at once.
    pub(crate) fn after(&self, now: Timestamp) -> Option<Timestamp> {
        let Self::At { time, zone } = self else { return None };
        let here: Zoned = now.to_zoned(zone.clone());
        let next = |days: i64| {
            let day = here.date().checked_add(jiff::Span::new().days(days)).ok()?;
            Some(day.to_datetime(*time).to_zoned(zone.clone()).ok()?.timestamp())
        };
        // A local time that a change of clocks skips is moved by an hour, never lost.
        (0..3).filter_map(next).find(|at| *at > now)
    }
}

/// When a source is looked at again after it was had.
pub(crate) fn after_success(now: Timestamp, upkeep: &Upkeep) -> Timestamp {
    later(now, jittered(upkeep.refresh))
}

/// When a source is looked at again after so many failures in a row.
pub(crate) fn after_failure(now: Timestamp, failures: u32, retry_after: Option<u64>) -> Timestamp {
    let doubled =
        BACK_OFF_MIN.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    let asked = Duration::from_secs(retry_after.unwrap_or(0));
    later(now, jittered(doubled.min(BACK_OFF_MAX)).max(asked))
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::ZERO);
    let then = now.checked_add(wait).unwrap_or(now);
    Timestamp::from_second(then.as_second()).unwrap_or(then)
}

fn jittered(wait: Duration) -> Duration {
    let chance = RandomState::new().build_hasher().finish() % (2 * JITTER_PERCENT + 1);
    let percent = u32::try_from(100 - JITTER_PERCENT + chance).unwrap_or(100);
    wait.saturating_mul(percent) / 100
}

/// Whether a source is to be looked at now.
pub(crate) fn is_due(
    known: Option<&SourceRecord>,
    location: &Location,
    upkeep: &Upkeep,
    now: Timestamp,
) -> bool {
    let Some(known) = known.filter(|known| known.source.location == *location) else { return true };
    let Some(checked_at) = known.checked_at else { return true };
    match location {
        Location::BuiltIn(_) => known.copy.is_none(),
        Location::Path(path) => known.seen != watch::look_of(path),
        Location::Url(_) => {
            // The policy may want it more often than it did when the next look was planned.
            let wanted = later(checked_at, upkeep.refresh + upkeep.refresh / 10);
            // A clock that was set back must not put a list off for ever.
            let is_planned = |at: Timestamp| at <= now || checked_at > now;
            known.next_at.is_none_or(is_planned) || known.failures == 0 && wanted <= now
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn five_in(zone: &str) -> Promotion {
        Promotion::At { time: jiff::civil::time(5, 0, 0, 0), zone: TimeZone::get(zone).unwrap() }
    }

    #[test]
    fn what_comes_in_the_day_goes_live_at_the_next_five_oclock_of_the_school() {
        for (zone, now, then) in [
            ("Europe/London", "2026-11-23T10:00:00Z", "2026-11-24T05:00:00Z"),
            ("Europe/London", "2026-11-23T04:59:59Z", "2026-11-23T05:00:00Z"),
            ("Europe/London", "2026-11-23T05:00:00Z", "2026-11-24T05:00:00Z"),
            ("Europe/London", "2026-06-23T10:00:00Z", "2026-06-24T04:00:00Z"),
            ("Asia/Tokyo", "2026-11-23T10:00:00Z", "2026-11-23T20:00:00Z"),
        ] {
            assert_eq!(five_in(zone).after(at(now)), Some(at(then)), "{zone} {now}");
        }
        assert_eq!(Promotion::AtOnce.after(at("2026-11-23T10:00:00Z")), None);
        // London's clocks skip 01:00 to 02:00 on this day.
        let skipped = Promotion::At {
            time: jiff::civil::time(1, 30, 0, 0),
            zone: TimeZone::get("Europe/London").unwrap(),
        };
        assert_eq!(skipped.after(at("2026-03-29T00:10:00Z")), Some(at("2026-03-29T01:30:00Z")));
    }

    #[test]
    fn each_failure_doubles_the_wait_up_to_a_day() {
        let now = at("2026-11-23T10:00:00Z");
        let wait = |failures, retry| now.duration_until(after_failure(now, failures, retry)).as_secs();
        for (failures, least, most) in [(1, 270, 330), (2, 540, 660), (5, 4320, 5280), (9, 69_120, 84_480)] {
            assert!((least..=most).contains(&wait(failures, None)), "{failures}: {}", wait(failures, None));
        }
        assert!((77_760..=95_040).contains(&wait(4_000_000, None)));
        assert_eq!(wait(1, Some(7200)), 7200);
    }
}
