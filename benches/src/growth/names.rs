//! Names made up from a seed, in the shape of real lists: no list of ten million names is to be had.

use std::io::{BufWriter, Write};
use std::path::Path;

use crate::Outcome;
use crate::random::Random;

/// Top labels, the frequent ones more than once.
const TOPS: [&str; 12] =
    ["com", "com", "com", "com", "net", "org", "info", "xyz", "top", "co.uk", "de", "ru"];
/// Parts that labels are made of.
const PARTS: [&str; 32] = [
    "play", "win", "best", "shop", "ad", "track", "cdn", "web", "my", "go", "net", "free", "bet", "cam",
    "online", "store", "mail", "pro", "news", "game", "zone", "media", "click", "app", "live", "info",
    "star", "top", "data", "cloud", "fast", "one",
];
/// Of a hundred names, so many have a third label; in the real lists it is about that many.
const THREE_LABELS: usize = 35;

/// Makes names; the same seed makes the same ones.
pub struct Maker {
    random: Random,
    last: String,
}

impl Maker {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), last: "example.com".to_owned() }
    }

    /// The next name. Numbers in it make meeting an earlier one unlikely.
    pub fn next(&mut self) -> String {
        let label = self.label();
        if self.random.below(100) < THREE_LABELS {
            // Half of the third labels stand in front of a name that is there already, as trackers'
            // and phishers' do, half in front of one of which nothing else is listed.
            if self.random.below(2) == 0 {
                return format!("{label}.{}", self.last);
            }
            let parent = self.label();
            return format!("{label}.{parent}.{}", self.top());
        }
        let name = format!("{label}.{}", self.top());
        self.last.clone_from(&name);
        name
    }

    fn top(&mut self) -> &'static str {
        TOPS[self.random.below(TOPS.len())]
    }

    fn label(&mut self) -> String {
        let (one, two) = (self.random.below(PARTS.len()), self.random.below(PARTS.len()));
        format!("{}{}{}", PARTS[one], PARTS[two], self.random.below(10_000_000))
    }
}

/// Writes names, one a line, into so many files of about the same length; returns a sample of them
/// that is spread over all.
pub fn write(paths: &[&Path], count: usize, seed: u64, sample: usize) -> Outcome<Vec<String>> {
    let mut maker = Maker::new(seed);
    let mut chosen = Vec::with_capacity(sample);
    let each = count.div_ceil(paths.len().max(1));
    let step = (count / sample.max(1)).max(1);
    let mut written = 0;
    for path in paths {
        let mut file = BufWriter::new(std::fs::File::create(path)?);
        for _ in 0..each.min(count - written) {
            let name = maker.next();
            writeln!(file, "{name}")?;
            if written.is_multiple_of(step) && chosen.len() < sample {
                chosen.push(name);
            }
            written += 1;
        }
        file.flush()?;
    }
    Ok(chosen)
}
