//! The clock: periods, grants and certificates hang on it.

use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Finding;

const CHECK: &str = "clock";
/// This program did not exist before.
const YEAR_MIN: i16 = 2026;
/// Nor will this version run after.
const YEAR_MAX: i16 = 2056;
/// There while systemd-timesyncd has the time from a server.
const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";

/// Looks at the clock.
pub fn examine() -> Finding {
    judge(Timestamp::now(), is_synchronised())
}

/// Whether the kernel's clock is held by a time server; `None` when nobody here can say.
fn is_synchronised() -> Option<bool> {
    if Path::new(SYNCHRONISED).exists() {
        return Some(true);
    }
    // Asks the kernel, whichever program keeps the time.
    let asked =
        Command::new("timedatectl").args(["show", "--property=NTPSynchronized", "--value"]).output().ok()?;
    match asked.stdout.trim_ascii() {
        b"yes" => Some(true),
        b"no" => Some(false),
        _ => None,
    }
}

fn judge(now: Timestamp, synchronised: Option<bool>) -> Finding {
    let shown = now.strftime("%Y-%m-%d %H:%M UTC");
    let year = now.to_zoned(TimeZone::UTC).year();
    if !(YEAR_MIN..=YEAR_MAX).contains(&year) {
        let sentence = format!(
            "the clock says {shown}, which cannot be: set it, and let NTP keep it (timedatectl set-ntp true)"
        );
        return Finding::wrong(CHECK, sentence);
    }
    match synchronised {
        Some(true) => Finding::good(CHECK, format!("the clock is kept by a time server: {shown}")),
        Some(false) => Finding::wrong(
            CHECK,
            format!(
                "the clock says {shown} and no time server keeps it: timedatectl set-ntp true, and let UDP port 123 out"
            ),
        ),
        None => Finding::note(
            CHECK,
            format!("the clock says {shown}; nobody here can say whether a time server keeps it"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;

    #[test]
    fn a_clock_is_right_when_it_is_kept_and_plausible() {
        for (now, synchronised, health) in [
            ("2026-11-22T12:00:00Z", Some(true), Health::Good),
            ("2026-11-22T12:00:00Z", Some(false), Health::Wrong),
            ("2026-11-22T12:00:00Z", None, Health::Note),
            ("1970-01-01T00:00:09Z", Some(true), Health::Wrong),
            ("2099-01-01T00:00:00Z", None, Health::Wrong),
        ] {
            assert_eq!(judge(now.parse().unwrap(), synchronised).health, health, "{now} {synchronised:?}");
        }
    }
}
