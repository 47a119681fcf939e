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

/// How a zone starts whose names are relative to its own.
const ZONE: &str = "$ORIGIN probe.rpz.\n$TTL 300\n@ SOA localhost. root.localhost. (1 ; serial\n \
                    3600 600 86400 60)\n NS localhost.\n";

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
        ("probe-dnsmasq", "tracking", Format::Dnsmasq, Trust::Normal),
        ("probe-zone", "bypass", Format::Rpz, Trust::Normal),
        ("probe-zone-locked", "illegal/terrorism", Format::Rpz, Trust::Normal),
    ] {
        let mut chosen = names.clone();
        random.choose(&mut chosen, NAMES);
        let mut text = if format == Format::Rpz { ZONE.to_owned() } else { String::new() };
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
            Format::Dnsmasq => {
                let front = ["", "", ".", "*."].get(random.below(4)).unwrap_or(&"");
                let option = ["server", "local", "address"].get(random.below(3)).unwrap_or(&"local");
                let target = ["", "", "0.0.0.0", "::", "127.0.0.1", "192.0.2.1", "#"];
                let target = target.get(random.below(target.len())).unwrap_or(&"");
                writeln!(text, "{option}=/{front}{name}/{target}")?;
            }
            Format::Rpz => {
                let wild = if random.below(2) == 0 { "*." } else { "" };
                let end = if random.below(2) == 0 { ".probe.rpz." } else { "" };
                let says = [
                    "CNAME .".to_owned(),
                    "CNAME *.".to_owned(),
                    "IN CNAME rpz-passthru.".to_owned(),
                    "60 IN CNAME rpz-drop.".to_owned(),
                    "CNAME rpz-tcp-only.".to_owned(),
                    "A 192.0.2.1".to_owned(),
                    "CNAME www.example.".to_owned(),
                    // How zones of old let a name pass.
                    format!("CNAME {wild}{name}."),
                ];
                let says = says.get(random.below(says.len())).map_or("CNAME .", String::as_str);
                writeln!(text, "{wild}{name}{end} {says}")?;
            }
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
