//! Clients that a network manager should know of: addresses in no network, and addresses behind which
//! there seem to be many devices (a forwarder, a NAT), so that a policy or a name in a report means
//! nobody in particular.
//!
//! Two small tables, lossy on purpose. A client of a known network costs nothing but a comparison:
//! its queries are counted one in [`SAMPLE`], and noticed when it asks for the name by which one kind
//! of device looks whether it is online; two kinds behind one address are two devices. A table that
//! another thread holds is passed by.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use policy::{Asker, ReasonId, Snapshot, Standing};
use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::tick::Tick;

/// Addresses in each table; of more, the busiest and latest stay.
pub const ROWS_MAX: usize = 64;
/// One in so many queries of known clients is counted.
pub const SAMPLE: u64 = 64;
/// What was seen longer ago is forgotten.
pub const MEMORY: Duration = Duration::from_secs(3600);
/// Queries a minute, held for [`BUSY_FOR`], that no single device asks.
pub const BUSY_A_MINUTE: u64 = 240;
/// How long an address is watched before its rate means anything.
pub const BUSY_FOR: Duration = Duration::from_secs(600);

/// Kinds of devices, each with names that only this kind asks when it joins a network.
const KINDS: [(&str, &[&str]); 4] = [
    ("Windows", &["www.msftconnecttest.com", "dns.msftncsi.com"]),
    ("Apple", &["captive.apple.com"]),
    ("Android or ChromeOS", &["connectivitycheck.gstatic.com", "connectivitycheck.android.com"]),
    ("Linux", &["nmcheck.gnome.org", "connectivity-check.ubuntu.com", "network-test.debian.org"]),
];

/// What was seen within the last hour.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Private or on-link addresses that are in no network.
    pub unknown: Vec<Sighting>,
    /// Addresses of known networks behind which there seem to be many devices.
    pub crowds: Vec<Sighting>,
}

/// One address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// Which.
    pub address: IpAddr,
    /// About how many queries a minute, while it was watched.
    pub a_minute: u64,
    /// Seconds since it asked last.
    pub seconds_ago: u32,
    /// Kinds of devices that it seems to be.
    pub kinds: Vec<String>,
}

/// The tables.
#[derive(Debug)]
pub struct Sightings {
    unknown: Mutex<Table>,
    known: Mutex<Table>,
}

#[derive(Debug)]
struct Table(Vec<Row>);

#[derive(Debug)]
struct Row {
    asker: Asker,
    /// Queries counted since `first`.
    count: u64,
    first: Tick,
    last: Tick,
    kinds: [Option<Tick>; KINDS.len()],
}

impl Default for Sightings {
    fn default() -> Self {
        let table = || Mutex::new(Table(Vec::with_capacity(ROWS_MAX)));
        Self { unknown: table(), known: table() }
    }
}

impl Sightings {
    /// Looks at one answered query. Allocates nothing and waits for nobody.
    pub fn note(&self, event: &Event<'_>, now: Tick) {
        let (table, counted) = match event.client.standing {
            Standing::Stranger => return,
            Standing::Unknown => (&self.unknown, true),
            Standing::Known => (&self.known, is_in_sample(event)),
        };
        let kind = (event.decision.reason.id == ReasonId::Core).then(|| kind_of(event)).flatten();
        if !counted && kind.is_none() {
            return;
        }
        let asker = event.peer.asker();
        // The box asks itself: a health check.
        if asker.local == Some(asker.source) {
            return;
        }
        if let Ok(mut table) = table.try_lock() {
            table.note(asker, u64::from(counted), kind, now);
        }
    }

    /// What was seen within the last hour, the busiest first.
    #[must_use]
    pub fn seen(&self, now: Tick) -> Seen {
        let read = |table: &Mutex<Table>, scale: u64, of_interest: fn(&Sighting, &Row) -> bool| {
            let table = table.lock().unwrap_or_else(PoisonError::into_inner);
            let rows = table.0.iter().filter(|row| !row.is_forgotten(now));
            let mut found: Vec<Sighting> = rows
                .map(|row| (row.sighting(scale, now), row))
                .filter(|(sighting, row)| of_interest(sighting, row))
                .map(|(sighting, _)| sighting)
                .collect();
            found.sort_by_key(|sighting| (std::cmp::Reverse(sighting.a_minute), sighting.address));
            found
        };
        Seen { unknown: read(&self.unknown, 1, |_, _| true), crowds: read(&self.known, SAMPLE, is_crowd) }
    }

    /// Forgets unknown clients that these policies know.
    pub fn judge_again(&self, snapshot: &Snapshot) {
        let mut table = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        table.0.retain(|row| snapshot.client(&row.asker).standing == Standing::Unknown);
    }

    /// How many addresses in no network asked within the last hour, up to [`ROWS_MAX`].
    #[must_use]
    pub fn unknown_clients(&self, now: Tick) -> usize {
        let table = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        table.0.iter().filter(|row| !row.is_forgotten(now)).count()
    }
}

/// Two kinds of devices, or more queries than one device asks.
fn is_crowd(sighting: &Sighting, row: &Row) -> bool {
    sighting.kinds.len() > 1
        || sighting.a_minute >= BUSY_A_MINUTE
            && u64::from(row.last.seconds_since(row.first)) >= BUSY_FOR.as_secs()
}

/// One in [`SAMPLE`], drawn by two numbers that the client picks at random: its query's id and port.
fn is_in_sample(event: &Event<'_>) -> bool {
    let id = event.reply.get(1).copied().unwrap_or(0);
    let [_, port] = event.peer.source.port().to_be_bytes();
    u64::from(id ^ port) % SAMPLE == 0
}

/// The kind of device that asks for this name.
fn kind_of(event: &Event<'_>) -> Option<usize> {
    let asked = |name: &&str| event.query.name.labels().eq(name.split('.').map(str::as_bytes));
    KINDS.iter().position(|(_, names)| names.iter().any(asked))
}

impl Table {
    fn note(&mut self, asker: Asker, count: u64, kind: Option<usize>, now: Tick) {
        let new = || Row { asker, count: 0, first: now, last: now, kinds: [None; KINDS.len()] };
        let row = match self.0.iter().position(|row| row.asker.source == asker.source) {
            Some(found) => found,
            None => self.make_room(new(), now),
        };
        let Some(row) = self.0.get_mut(row) else { return };
        if row.is_forgotten(now) {
            *row = new();
        }
        row.age(now);
        (row.count, row.last) = (row.count.saturating_add(count), now);
        if let Some(seen) = kind.and_then(|kind| row.kinds.get_mut(kind)) {
            *seen = Some(now);
        }
    }

    /// Puts a row into a full table in the place of one that is forgotten, else of the quietest.
    fn make_room(&mut self, row: Row, now: Tick) -> usize {
        if self.0.len() < ROWS_MAX {
            self.0.push(row);
            return self.0.len() - 1;
        }
        let quietest =
            self.0.iter().enumerate().min_by_key(|(_, row)| (!row.is_forgotten(now), row.count, row.last));
        let place = quietest.map_or(0, |(place, _)| place);
        if let Some(old) = self.0.get_mut(place) {
            *old = row;
        }
        place
    }
}

impl Row {
    fn is_forgotten(&self, now: Tick) -> bool {
        u64::from(now.seconds_since(self.last)) > MEMORY.as_secs()
    }

    /// A rate is one of the last hour, not of the whole week: half of what is older is dropped.
    fn age(&mut self, now: Tick) {
        let watched = now.0.saturating_sub(self.first.0);
        if u128::from(watched) > MEMORY.as_millis() {
            self.count /= 2;
            self.first = Tick(now.0 - watched / 2);
        }
    }

    fn sighting(&self, scale: u64, now: Tick) -> Sighting {
        let recent = |seen: &Option<Tick>| {
            seen.is_some_and(|seen| u64::from(now.seconds_since(seen)) <= MEMORY.as_secs())
        };
        let kinds = KINDS.iter().zip(&self.kinds).filter(|(_, seen)| recent(seen));
        let minutes = u64::from(self.last.seconds_since(self.first)) / 60;
        Sighting {
            address: self.asker.source,
            a_minute: self.count.saturating_mul(scale) / (minutes + 1),
            seconds_ago: now.seconds_since(self.last),
            kinds: kinds.map(|((kind, _), _)| (*kind).to_owned()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{Ask, PUPIL, Script, ask, engine, snapshot};
    use crate::wire::rtype;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn asker(last: u8) -> Asker {
        Asker { source: address(last), local: None, interface: None }
    }

    fn at(seconds: u64) -> Tick {
        Tick(seconds * 1000)
    }

    #[test]
    fn a_full_table_forgets_the_quietest_and_an_hour_forgets_everybody() {
        let sightings = Sightings::default();
        {
            let mut table = sightings.unknown.lock().unwrap();
            for number in 0..200 {
                for _ in 0..=usize::from(number == 7) {
                    table.note(asker(number), 1, None, at(u64::from(number)));
                }
            }
            assert_eq!(table.0.len(), ROWS_MAX);
        }
        let seen = sightings.seen(at(200)).unknown;
        assert_eq!((seen.len(), sightings.unknown_clients(at(200))), (ROWS_MAX, ROWS_MAX));
        assert!(seen.iter().any(|sighting| sighting.address == address(7)));
        assert!(seen.iter().any(|sighting| sighting.address == address(199)));
        assert_eq!(sightings.unknown_clients(at(199 + 3601)), 0);
    }

    #[test]
    fn a_crowd_is_two_kinds_of_devices_or_a_rate_that_lasts() {
        let sightings = Sightings::default();
        {
            let mut table = sightings.known.lock().unwrap();
            table.note(asker(1), 0, Some(0), at(10));
            table.note(asker(1), 0, Some(1), at(20));
            table.note(asker(2), 0, Some(1), at(20));
            for second in 0..700 {
                table.note(asker(3), u64::from(second % 10 == 0), None, at(second)); // 6 x 64 a minute
                table.note(asker(4), u64::from(second % 60 == 0), None, at(second)); // 64 a minute
            }
        }
        let crowds = |now| -> Vec<IpAddr> {
            sightings.seen(at(now)).crowds.iter().map(|sighting| sighting.address).collect()
        };
        assert_eq!(crowds(700), [address(3), address(1)]);
        let seen = sightings.seen(at(700)).crowds;
        assert_eq!(seen[1].kinds, ["Windows", "Apple"]);
        assert!((350..=400).contains(&seen[0].a_minute), "{}", seen[0].a_minute);
        assert_eq!(crowds(5000), [] as [IpAddr; 0]);
    }

    #[test]
    fn a_client_that_has_got_a_network_is_forgotten() {
        let sightings = Sightings::default();
        let pupil = Asker { source: PUPIL.parse().unwrap(), ..asker(0) };
        {
            let mut table = sightings.unknown.lock().unwrap();
            table.note(pupil, 1, None, at(1));
            table.note(asker(1), 1, None, at(1));
        }
        sightings.judge_again(&snapshot());
        let left = sightings.seen(at(1)).unknown;
        assert_eq!((left.len(), left[0].address), (1, address(1)));
    }

    #[test]
    fn an_old_rate_fades() {
        let mut table = Table(Vec::new());
        for second in 0..3600 {
            table.note(asker(1), 1, None, at(second));
        }
        for minute in 60..300 {
            table.note(asker(1), 0, None, at(minute * 60));
        }
        assert!(table.0[0].sighting(1, at(300 * 60)).a_minute < 10);
    }

    #[tokio::test(start_paused = true)]
    async fn the_engine_notes_who_is_in_no_network_and_who_is_many() {
        let engine = engine(&Script::open());
        for _ in 0..3 {
            ask("localhost", rtype::A).from("10.9.9.9").of(&engine).await;
        }
        for name in ["www.msftconnecttest.com", "captive.apple.com", "a.example"] {
            ask(name, rtype::A).from(PUPIL).of(&engine).await;
            ask(name, rtype::A).from("203.0.113.9").of(&engine).await;
        }
        let seen = engine.seen();
        let shown = |sightings: &[Sighting]| -> Vec<String> {
            sightings.iter().map(|sighting| sighting.address.to_string()).collect()
        };
        assert_eq!(shown(&seen.unknown), ["10.9.9.9"]);
        assert_eq!(seen.unknown[0].a_minute, 3);
        assert_eq!(shown(&seen.crowds), [PUPIL]);
        assert_eq!(engine.unknown_clients(), 1);
        engine.publish(&engine.snapshot());
        assert_eq!(engine.unknown_clients(), 1, "still in no network");
        let itself = Ask { ..ask("localhost", rtype::A).from("10.9.9.8") };
        let mut peer = itself.peer();
        peer.local = Some(peer.source.ip());
        engine.answer(itself.packet(), peer).await;
        assert_eq!(engine.unknown_clients(), 1);
    }
}
