//! A second opinion: a matcher so plain that it can be checked by reading it.
//!
//! It shares no line of reading, parsing or matching with `blocklists`: every line of every list
//! stands in one hash map under its name as text, and a question walks its suffixes. What design
//! section 4 says is written here a second time, from the page: each source alone by its most
//! specific line, `$important` last, then all united, strict categories confirmed.

mod files;
mod formats;
mod globs;
mod guard;
mod zone;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use blocklists::source::{Format, Location, Source, Span, Trust};

use crate::Outcome;
use crate::lists::List;
use formats::Line;
use globs::Glob;
use guard::Guard;

/// Categories that one ordinary source alone cannot fill.
const STRICT: [&str; 7] = ["adult", "malware", "extremism", "self-harm", "dating", "bypass", "chat-rooms"];

/// What around its name a line speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// This name.
    Name,
    /// This name and all below.
    NameAndBelow,
    /// All below this name.
    Below,
}

/// What one line says of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// What it speaks of.
    pub reach: Reach,
    /// Out of the list instead of into it.
    pub exception: bool,
    /// Above the list's other lines.
    pub important: bool,
    /// For some record types only, or not over TCP.
    pub partly: bool,
}

/// One source feeding one category.
#[derive(Debug)]
struct Feed {
    source: usize,
    category: String,
    core: bool,
}

/// Everything that the lists say, by name.
#[derive(Debug, Default)]
pub struct Naive {
    /// What drops slips; `None` takes lists as they are.
    guard: Option<Guard>,
    sources: usize,
    feeds: Vec<Feed>,
    names: HashMap<Box<str>, Vec<(u16, Said)>>,
    globs: Vec<Glob>,
}

/// The names of one list of format `domains` or `hosts`, as they stand there.
pub fn plain_names(list: &List, sink: &mut dyn FnMut(String)) -> Outcome<()> {
    let format = if list.format == "hosts" { Format::Hosts } else { Format::Domains };
    files::each(&list.path, &mut |_, text| {
        formats::each(format, text, Reach::NameAndBelow, &mut |line, _, _| {
            if let Line::Name(name) = line {
                sink(name);
            }
        });
    })
}

impl Naive {
    /// Adds a source from where it lies.
    pub fn add(&mut self, source: &Source) -> Outcome<()> {
        let Location::Path(path) = &source.location else {
            return Err(format!("{}: only lists on this machine are compared", source.id).into());
        };
        let number = self.sources;
        self.sources += 1;
        let mut cancelled = Vec::new();
        let guard = self.guard.take();
        let guard_in_use = guard.as_ref();
        files::each(path, &mut |inner, text| {
            let category = match (source.format, &source.category) {
                (Format::Ut1, _) => formats::ut1_folder(inner).and_then(|folder| source.map.get(folder)),
                (_, category) => category.as_ref(),
            };
            let Some(category) = category.map(ToString::to_string).filter(|category| category != "none")
            else {
                return;
            };
            let feed = self.feed(number, &category, source.trust == Trust::Core);
            let locked = category.starts_with("illegal/");
            let plain = match (source.span, source.format) {
                (Some(Span::Subtree), _) | (None, Format::Domains | Format::Dnsmasq | Format::Ut1) => {
                    Reach::NameAndBelow
                }
                _ => Reach::Name,
            };
            formats::each(source.format, text, plain, &mut |line, said, cancels| {
                if locked && (said.exception || cancels) {
                    return;
                }
                let name = match line {
                    Line::Name(name) => name,
                    line => {
                        let glob = Glob::of(line, feed, said).filter(|_| !cancels);
                        let is_slip = |glob: &Glob| {
                            !locked
                                && !said.exception
                                && guard_in_use.is_some_and(|guard| guard.drops_glob(glob))
                        };
                        self.globs.extend(glob.filter(|glob| !is_slip(glob)));
                        return;
                    }
                };
                let guard = guard_in_use.filter(|_| !locked && !said.exception && !cancels);
                if guard.is_some_and(|guard| guard.drops(&name, said.reach, &category)) {
                    return;
                }
                if cancels {
                    cancelled.push((name, (feed, said)));
                } else {
                    let lines = self.names.entry(name.into_boxed_str()).or_default();
                    if !lines.contains(&(feed, said)) {
                        lines.push((feed, said));
                    }
                }
            });
        })?;
        self.guard = guard;
        for (name, line) in cancelled {
            if let Some(lines) = self.names.get_mut(name.as_str()) {
                lines.retain(|other| *other != line);
            }
        }
        self.names.retain(|_, lines| !lines.is_empty());
        Ok(())
    }

    /// Number of the feed of a source into a category, made when first met.
    fn feed(&mut self, source: usize, category: &str, core: bool) -> u16 {
        let known = self.feeds.iter().position(|feed| feed.source == source && feed.category == category);
        let place = known.unwrap_or_else(|| {
            self.feeds.push(Feed { source, category: category.to_owned(), core });
            self.feeds.len() - 1
        });
        u16::try_from(place).unwrap_or(u16::MAX)
    }

    /// How many different names are listed.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether some line is about this very name.
    pub fn lists(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// All listed names, sorted, so that a seed always chooses the same ones.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.names.keys().map(AsRef::as_ref).collect();
        names.sort_unstable();
        names
    }

    /// Listed names for which some line is an exception.
    pub fn excepted(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .names
            .iter()
            .filter(|(_, lines)| lines.iter().any(|(_, said)| said.exception))
            .map(|(name, _)| &**name)
            .collect();
        names.sort_unstable();
        names
    }

    /// The categories of a name in lower case, sorted.
    pub fn categories(&self, name: &str) -> Vec<String> {
        let mut verdicts = self.verdicts(name);
        // How a name is spelt says less than any line about it.
        let mut spelt: BTreeMap<u16, Verdict> = BTreeMap::new();
        for glob in self.globs.iter().filter(|glob| glob.fits(name)) {
            spelt.entry(glob.feed).or_default().hear(glob.said);
        }
        for (feed, said) in spelt {
            verdicts.entry(feed).or_default().fill(said);
        }
        self.united(verdicts)
    }

    /// Whether some line about a name, or one above it, holds for some types or transports only. What is
    /// below such a name is never told for sure.
    pub fn is_partly(&self, name: &str) -> bool {
        let lines = suffixes(name).filter_map(|suffix| self.names.get(suffix));
        lines.flatten().any(|(_, said)| said.partly)
    }

    /// The same by lines about names alone: how a name is spelt says nothing of those below it.
    pub fn inherited(&self, name: &str) -> Vec<String> {
        self.united(self.verdicts(name))
    }

    fn united(&self, verdicts: BTreeMap<u16, Verdict>) -> Vec<String> {
        let mut inside: BTreeMap<&str, (bool, BTreeSet<usize>)> = BTreeMap::new();
        for (number, verdict) in verdicts {
            if let (Some(feed), true) = (self.feeds.get(usize::from(number)), verdict.holds()) {
                let (core, sources) = inside.entry(feed.category.as_str()).or_default();
                *core |= feed.core;
                sources.insert(feed.source);
            }
        }
        let mut categories: Vec<String> = inside
            .into_iter()
            .map(|(category, (core, sources))| {
                let sure = core || sources.len() > 1 || !STRICT.contains(&category);
                if sure { category.to_owned() } else { format!("{category}/unconfirmed") }
            })
            .collect();
        categories.sort_unstable();
        categories
    }

    /// What each feed says of a name: the deepest listed suffix first, and there the lines for the
    /// very name before those for all below it, and these (dnsmasq's `/*.x/` beats its `/x/`) before
    /// those for both.
    fn verdicts(&self, name: &str) -> BTreeMap<u16, Verdict> {
        let mut verdicts: BTreeMap<u16, Verdict> = BTreeMap::new();
        for suffix in suffixes(name) {
            let Some(lines) = self.names.get(suffix) else {
                continue;
            };
            let front = name.strip_suffix(suffix).unwrap_or_default();
            // `_8443._https.` in front of a name are services of it: what is said of it holds.
            let is_name = front.split_terminator('.').all(|label| label.starts_with('_'));
            for reach in [Reach::Name, Reach::Below, Reach::NameAndBelow] {
                let speaks = match reach {
                    Reach::Name => is_name,
                    Reach::Below => !front.is_empty(),
                    Reach::NameAndBelow => true,
                };
                let tier = lines.iter().filter(|(_, said)| speaks && said.reach == reach);
                let mut new: BTreeMap<u16, Verdict> = BTreeMap::new();
                for (feed, said) in tier {
                    new.entry(*feed).or_default().hear(*said);
                }
                for (feed, said) in new {
                    verdicts.entry(feed).or_default().fill(said);
                }
            }
        }
        verdicts
    }
}

/// What one feed's lines come to, plain and `$important` ones apart.
#[derive(Debug, Clone, Copy, Default)]
struct Verdict {
    plain: Option<bool>,
    important: Option<bool>,
}

impl Verdict {
    /// Takes a line as specific as those heard before: an exception beats a block.
    fn hear(&mut self, said: Said) {
        let slot = if said.important { &mut self.important } else { &mut self.plain };
        *slot = Some(slot.unwrap_or(true) && !said.exception);
    }

    /// Takes less specific lines where nothing is known yet.
    fn fill(&mut self, less_specific: Self) {
        self.plain = self.plain.or(less_specific.plain);
        self.important = self.important.or(less_specific.important);
    }

    fn holds(self) -> bool {
        self.important.or(self.plain).unwrap_or(false)
    }
}

/// A name, its parent, and so on to its last label.
pub fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, parent)| parent))
}

/// Everything in the lists that looks like a name, comments and all: whatever anybody could take
/// for one.
pub fn words(sources: &[&Source]) -> Outcome<BTreeSet<String>> {
    let in_no_name = |symbol: char| !(symbol.is_alphanumeric() || ".-_".contains(symbol));
    let mut words = BTreeSet::new();
    for source in sources {
        if let Location::Path(path) = &source.location {
            files::each(path, &mut |_, text| {
                words.extend(
                    text.split(in_no_name).filter_map(|word| formats::host(word.trim_matches(['.', '-']))),
                );
            })?;
        }
    }
    Ok(words)
}

/// Sources read, slips dropped.
pub fn of<'a>(sources: impl IntoIterator<Item = &'a Source>) -> Outcome<Naive> {
    read(Naive { guard: Some(Guard::read()), ..Naive::default() }, sources)
}

/// Sources read as they are.
pub fn without_guard<'a>(sources: impl IntoIterator<Item = &'a Source>) -> Outcome<Naive> {
    read(Naive::default(), sources)
}

fn read<'a>(mut naive: Naive, sources: impl IntoIterator<Item = &'a Source>) -> Outcome<Naive> {
    for source in sources {
        naive.add(source).map_err(|error| format!("{}: {error}", source.id))?;
    }
    Ok(naive)
}

#[cfg(test)]
mod tests;
