//! Lists of our own on top of the real ones, full of what real lists have little of: exceptions,
//! `$important`, `$badfilter`, wildcards, single sources of strict categories, and exceptions in a
//! locked category, all for names that real lists hold too.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use blocklists::category::CategoryId;
use blocklists::source::{Actions, Format, Location, Source, Trust};

use crate::Outcome;
use crate::naive::Naive;
use crate::random::Random;

/// Names that each of these lists is made around.
const NAMES: usize = 3_000;
/// Most rules for one name.
const RULES_MAX: usize = 6;

/// Writes the lists and describes them.
pub fn write(folder: &Path, naive: &Naive, random: &mut Random) -> Outcome<Vec<Source>> {
    let names = naive.names();
    let mut sources = Vec::new();
    for (id, category, format, trust) in [
        ("probe-own", "local/probe", Format::Adblock, Trust::Normal),
        ("probe-adult", "adult", Format::Adblock, Trust::Normal),
        ("probe-adult-again", "adult", Format::Adblock, Trust::Extra),
        ("probe-malware", "malware", Format::Adblock, Trust::Core),
        ("probe-locked", "illegal/other", Format::Adblock, Trust::Normal),
        ("probe-hosts", "gambling", Format::Hosts, Trust::Normal),
        ("probe-domains", "dating", Format::Domains, Trust::Core),
    ] {
        let mut chosen = names.clone();
        random.choose(&mut chosen, NAMES);
        let mut text = String::new();
        for name in chosen {
            rules(format, name, random, &mut text)?;
        }
        let path = folder.join(id);
        std::fs::write(&path, text)?;
        sources.push(Source {
            id: id.to_owned(),
            category: CategoryId::new(category),
            format,
            location: Location::Path(path),
            span: None,
            trust,
            map: BTreeMap::new(),
            licence: None,
            locked: false,
            actions: Actions::Entry,
        });
    }
    Ok(sources)
}

/// Some lines about a name, its parent, and names below it.
fn rules(format: Format, name: &str, random: &mut Random, text: &mut String) -> Outcome<()> {
    for _ in 0..=random.below(RULES_MAX) {
        let front = ["", "", "www.", "a.", "b.a.", "_tcp.", "_443._https."];
        let name = format!("{}{name}", front.get(random.below(front.len())).unwrap_or(&""));
        match format {
            Format::Hosts => {
                let wild = if random.below(2) == 0 { "*." } else { "" };
                writeln!(text, "0.0.0.0 {wild}{name}")?;
            }
            Format::Domains | Format::Ut1 => {
                let wild = if random.below(4) == 0 { "*." } else { "" };
                writeln!(text, "{wild}{name}")?;
            }
            Format::Dnsmasq | Format::Rpz => return Err("no probes are written in this format".into()),
            Format::Adblock => {
                let exception = if random.below(3) == 0 { "@@" } else { "" };
                let anchor = ["||", "||", "|"].get(random.below(3)).unwrap_or(&"||");
                let ends = [
                    "^",
                    "^",
                    "^",
                    "^",
                    "^$important",
                    "^$badfilter",
                    "^$important,badfilter",
                    "^$third-party",
                ];
                let end = ends.get(random.below(ends.len())).unwrap_or(&"^");
                writeln!(text, "{exception}{anchor}{name}{end}")?;
            }
        }
    }
    Ok(())
}
