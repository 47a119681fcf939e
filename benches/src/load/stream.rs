//! Questions in the order in which they are asked, ready to be sent.

use std::fmt::Write as _;

use crate::names::Names;
use crate::question::{A, question};
use crate::random::Random;

/// Names that are asked again and again and so are in every cache.
pub const CACHED_NAMES: usize = 10_000;
/// Questions in a stream before it starts again.
const LENGTH: usize = 100_000;
/// Digits of a label that nobody asked before.
const DIGITS: usize = 12;
/// Where the first label's text begins in a packet.
const FIRST_LABEL: usize = 13;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    /// Listed names only.
    Blocked,
    /// Unlisted names that are in the cache.
    Cached,
    /// 80 cached, in the order of a school's day; 15 listed, 5 never asked before.
    Mixed,
    /// Names never asked before.
    Miss,
}

impl Mix {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Cached => "cached",
            Self::Mixed => "mixed",
            Self::Miss => "miss",
        }
    }
}

/// Questions, asked round and round.
#[derive(Debug, Clone)]
pub struct Stream {
    packets: Vec<u8>,
    /// Where each packet ends, and whether its first label is made anew each time.
    ends: Vec<(usize, bool)>,
    next: usize,
    /// Makes labels that no other stream of this run makes.
    fresh: u64,
}

impl Stream {
    /// An empty one; `salt` sets its fresh labels apart from those of others.
    pub fn new(salt: u64) -> Self {
        Self { packets: Vec::new(), ends: Vec::new(), next: 0, fresh: salt << 28 }
    }

    /// Of these names, each once in a round.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut stream = Self::new(0);
        names.into_iter().for_each(|name| stream.push(name, false));
        stream
    }

    /// Of a mix, the same for every server; its fresh names differ with every `salt`.
    pub fn mix(names: &Names, mix: Mix, salt: u64) -> Self {
        let mut random = Random::new(17);
        let mut stream = Self::new(salt);
        let cached = names.open.len().min(CACHED_NAMES);
        let mut day = names.day.iter().cycle();
        for _ in 0..LENGTH {
            let percent = match mix {
                Mix::Blocked => 80,
                Mix::Cached => 0,
                Mix::Miss => 99,
                Mix::Mixed => random.below(100),
            };
            let (from, fresh) = match percent {
                // Every one of them as often, or as a school's day asks them.
                0..80 if mix == Mix::Mixed => (day.next().and_then(|place| names.open.get(*place)), false),
                0..80 => (names.open.get(random.below(cached)), false),
                80..95 => (names.listed.get(random.below(names.listed.len())), false),
                _ => (names.open.get(random.below(cached)), true),
            };
            let name = from.map_or("", String::as_str);
            if fresh {
                stream.push(&format!("{:0DIGITS$x}.{name}", 0), true);
            } else {
                stream.push(name, false);
            }
        }
        stream
    }

    fn push(&mut self, name: &str, fresh: bool) {
        self.packets.extend(question(name, A));
        self.ends.push((self.packets.len(), fresh));
    }

    /// Questions in one round.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Writes the next question, under this id, into a buffer; returns its length.
    pub fn next_into(&mut self, id: u16, buffer: &mut [u8]) -> usize {
        let start = self.next.checked_sub(1).and_then(|last| self.ends.get(last)).map_or(0, |(end, _)| *end);
        let Some(&(end, fresh)) = self.ends.get(self.next) else { return 0 };
        self.next = if self.next + 1 < self.ends.len() { self.next + 1 } else { 0 };
        let packet = self.packets.get(start..end).unwrap_or(&[]);
        let Some(room) = buffer.get_mut(..packet.len()) else { return 0 };
        room.copy_from_slice(packet);
        if let Some(place) = room.get_mut(..2) {
            place.copy_from_slice(&id.to_be_bytes());
        }
        if let (true, Some(label)) = (fresh, room.get_mut(FIRST_LABEL..FIRST_LABEL + DIGITS)) {
            self.fresh += 1;
            for (digit, byte) in label.iter_mut().rev().enumerate() {
                let value = (self.fresh >> (4 * digit)) & 15;
                *byte = b"0123456789abcdef".get(usize::try_from(value).unwrap_or(0)).copied().unwrap_or(b'0');
            }
        }
        packet.len()
    }

    /// The same questions, `count` of them, as `dnsperf` reads them.
    pub fn as_text(&mut self, count: usize) -> String {
        let mut text = String::new();
        let mut buffer = [0; 512];
        for _ in 0..count {
            let length = self.next_into(0, &mut buffer);
            let mut at = 12;
            while let Some(label) = label_at(buffer.get(..length).unwrap_or(&[]), at) {
                at += label.len() + 1;
                let _ = write!(text, "{}.", String::from_utf8_lossy(label));
            }
            text.push_str(" A\n");
        }
        text
    }
}

fn label_at(packet: &[u8], at: usize) -> Option<&[u8]> {
    let length = usize::from(*packet.get(at)?);
    packet.get(at + 1..at + 1 + length).filter(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_names_never_repeat_and_the_rest_does() {
        let names = Names {
            listed: vec!["casino.example".into()],
            open: vec!["school.example".into()],
            day: vec![0],
            origin: String::new(),
        };
        let mut miss = Stream::mix(&names, Mix::Miss, 3);
        assert_eq!(miss.as_text(2), "000030000001.school.example. A\n000030000002.school.example. A\n");
        assert_eq!(Stream::mix(&names, Mix::Blocked, 3).as_text(1), "casino.example. A\n");
        let mixed = Stream::mix(&names, Mix::Mixed, 1).as_text(LENGTH);
        let share = |name: &str| mixed.lines().filter(|line| line.starts_with(name)).count() * 100 / LENGTH;
        assert!((79..=81).contains(&share("school")) && (14..=16).contains(&share("casino")));
        let mut two = Stream::of(["a.example", "b.example"]);
        assert_eq!((two.len(), two.as_text(3)), (2, "a.example. A\nb.example. A\na.example. A\n".into()));
    }
}
