//! The feeds of illegal content: slots that only a licence fills, and a light that never lies.
//!
//! No public list of child sexual abuse or of terrorist material exists, and none is ever fetched from
//! somewhere. Two slots wait for what a school (or its provider) holds a licence for. Without a feed, or
//! with one that is not fresh, the light is AMBER. GREEN says that a feed is loaded and fresh, and no
//! more: that it *is* the licensed one, only who put it there can say.

use blocklists::category::CategoryId;
use blocklists::source::Location;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::record::{Record, SourceRecord};
use crate::status::State;

/// A feed that was last had longer ago is an alarm; the providers change theirs every day.
pub const HAD_WITHIN: SignedDuration = SignedDuration::from_hours(48);
/// A feed whose content is older than this is an alarm, however often it is looked at: a file that
/// nobody replaces any more.
pub const CHANGED_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A slot: category, what it is for, and who gives what belongs there.
const SLOTS: [(&str, &str, &str); 2] = [
    (
        "illegal/csam",
        "Child sexual abuse material",
        "Licensed: the URL and domain lists of the Internet Watch Foundation, to its members. Most of it names \
         single pages, which DNS cannot block; whole domains are on it only where all of a domain is meant. Keep \
         the filter of the internet provider on that blocks the rest.",
    ),
    (
        "illegal/terrorism",
        "Terrorist material (police list)",
        "Licensed: the list of the Counter-Terrorism Internet Referral Unit, through the Home Office, to filtering \
         providers that signed up to it.",
    ),
];

/// What a light says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Light {
    /// A feed is loaded and fresh.
    Green,
    /// No feed, an empty one, or one that is not fresh.
    Amber,
}

/// A slot and what is in it. Never a name, a line, a sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LockedFeed {
    /// The category.
    pub category: CategoryId,
    /// For people.
    pub title: String,
    /// Whose list belongs there, and under which terms.
    pub licence: String,
    /// What the light says.
    pub status: Light,
    /// Why, as a sentence.
    pub why: String,
    /// How many lists feed it.
    pub sources: usize,
    /// Their entries together.
    pub entries: u64,
    /// Seconds since the one that was had longest ago was had.
    pub age_seconds: Option<u64>,
}

/// The slots, then every other locked category that is fed.
pub(crate) fn of(record: &Record, now: Timestamp) -> Vec<LockedFeed> {
    let mut feeds: Vec<LockedFeed> = SLOTS
        .iter()
        .filter_map(|&(id, title, licence)| Some(feed(record, CategoryId::new(id)?, title, licence, now)))
        .collect();
    for known in &record.sources {
        let locked = known.source.category.iter().chain(&known.report.categories);
        let is_feed = !matches!(known.source.location, Location::BuiltIn(_));
        for category in locked.filter(|category| is_feed && (known.source.locked || category.is_locked())) {
            if feeds.iter().all(|feed| feed.category != *category) {
                let licence = "A list of the school's own choice.";
                feeds.push(feed(record, category.clone(), "Always blocked", licence, now));
            }
        }
    }
    feeds
}

fn feed(record: &Record, category: CategoryId, title: &str, licence: &str, now: Timestamp) -> LockedFeed {
    // What comes with the program is there to try the lock with, and is no feed.
    let feeds = |known: &&SourceRecord| {
        !matches!(known.source.location, Location::BuiltIn(_))
            && (known.source.category.as_ref() == Some(&category)
                || known.report.categories.contains(&category))
    };
    let sources: Vec<&SourceRecord> = record.sources.iter().filter(feeds).collect();
    let age = |known: &&SourceRecord| known.had_at.map(|had_at| now.duration_since(had_at));
    let (status, why) = light(&sources, now);
    LockedFeed {
        title: title.to_owned(),
        licence: licence.to_owned(),
        status,
        why,
        sources: sources.len(),
        entries: sources.iter().map(|known| known.report.entries).sum(),
        age_seconds: sources
            .iter()
            .filter_map(age)
            .max()
            .map(|age| u64::try_from(age.as_secs()).unwrap_or(0)),
        category,
    }
}

fn light(sources: &[&SourceRecord], now: Timestamp) -> (Light, String) {
    let amber = |why: String| (Light::Amber, why);
    if sources.is_empty() {
        return amber("No feed is configured: this box does not block this material by a list.".to_owned());
    }
    for known in sources {
        let id = &known.source.id;
        let is_within = |at: Option<Timestamp>, limit| at.is_some_and(|at| now.duration_since(at) <= limit);
        if known.copy.is_none() || known.report.entries == 0 {
            return amber(format!("`{id}` was never had: nothing of it is in force."));
        }
        if known.state != State::Ok || !is_within(known.had_at, HAD_WITHIN) {
            return amber(format!("`{id}` could not be had lately; what it held then is in force."));
        }
        if !is_within(known.changed_at, CHANGED_WITHIN) {
            return amber(format!("`{id}` has not changed for a week: does somebody still renew it?"));
        }
    }
    (
        Light::Green,
        "A feed is loaded and fresh. Whether it is the licensed one, the school must know.".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use blocklists::source::{Actions, Format, Source, Trust};
    use jiff::ToSpan;

    fn now() -> Timestamp {
        "2026-09-10T09:00:00Z".parse().unwrap()
    }

    fn known(had_days_ago: i64, changed_days_ago: i64, entries: u64) -> SourceRecord {
        let source = Source {
            id: "iwf".to_owned(),
            category: CategoryId::new("illegal/csam"),
            format: Format::Domains,
            location: Location::Url("https://feed.example/list".to_owned()),
            span: None,
            trust: Trust::Core,
            actions: Actions::Entry,
            map: std::collections::BTreeMap::new(),
            licence: None,
            locked: false,
        };
        let mut known = SourceRecord::new(&source);
        let ago = |days: i64| now().checked_sub((days * 24).hours()).ok();
        (known.had_at, known.changed_at) = (ago(had_days_ago), ago(changed_days_ago));
        (known.state, known.copy) = (State::Ok, Some("iwf.0011223344556677".to_owned()));
        known.report.entries = entries;
        known
    }

    fn light_of(sources: Vec<SourceRecord>) -> (Light, String) {
        let record = Record { sources, ..Record::default() };
        let feeds = of(&record, now());
        assert_eq!(feeds.len(), 2);
        (feeds[0].status, feeds[0].why.clone())
    }

    #[test]
    fn without_a_feed_nothing_is_claimed() {
        let feeds = of(&Record::default(), now());
        assert_eq!(feeds.len(), 2);
        let built_in = Location::BuiltIn("illegal-csam.txt".to_owned());
        let mut with_ours = known(0, 0, 1);
        with_ours.source.location = built_in;
        assert_eq!(light_of(vec![with_ours]).0, Light::Amber);
        for feed in feeds {
            assert_eq!(
                (feed.status, feed.sources, feed.entries, feed.age_seconds),
                (Light::Amber, 0, 0, None)
            );
            assert!(feed.why.contains("does not block") && feed.licence.contains("Licensed"), "{feed:?}");
        }
    }

    #[test]
    fn only_a_feed_that_is_loaded_and_fresh_is_green() {
        let (light, why) = light_of(vec![known(0, 1, 9)]);
        assert_eq!(light, Light::Green);
        assert!(why.contains("the school must know"), "{why}");
        let stale = SourceRecord { state: State::Stale, ..known(0, 1, 9) };
        for (sources, words) in [
            (vec![known(3, 3, 9)], "could not be had lately"),
            (vec![stale], "could not be had lately"),
            (vec![known(0, 8, 9)], "has not changed for a week"),
            (vec![known(0, 1, 0)], "never had"),
            (vec![known(0, 1, 9), known(3, 3, 9)], "could not be had lately"),
        ] {
            let (light, why) = light_of(sources);
            assert_eq!(light, Light::Amber);
            assert!(why.contains(words), "{why}");
        }
    }
}
