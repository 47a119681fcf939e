//! The formats of names, read a second time from design section 4, as plainly as possible; what has
//! a grammar of its own stands in `zone`.

use std::net::IpAddr;

use blocklists::source::Format;

use super::{Reach, Said, zone};

/// Names of the machine itself in every hosts file.
const OWN_NAMES: [&str; 13] = [
    "localhost",
    "localhost.localdomain",
    "localhost4",
    "localhost6",
    "local",
    "broadcasthost",
    "ip6-localhost",
    "ip6-loopback",
    "ip6-localnet",
    "ip6-mcastprefix",
    "ip6-allnodes",
    "ip6-allrouters",
    "ip6-allhosts",
];

/// What a line is about.
pub enum Line {
    /// A name.
    Name(String),
    /// Names that are spelt so, in the words of content blockers.
    Glob(String),
    /// Names that a regular expression finds.
    Regex(String),
}

/// What takes each rule: its subject, what it says, whether it is `$badfilter`.
pub type Sink<'a> = dyn FnMut(Line, Said, bool) + 'a;

/// Hands over what each line says.
pub fn each(format: Format, text: &str, plain: Reach, sink: &mut Sink<'_>) {
    let text = text.trim_start_matches('\u{feff}');
    if format == Format::Rpz {
        return zone::rpz(text, plain, sink);
    }
    for line in text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()) {
        match format {
            Format::Domains | Format::Ut1 => domains(line, plain, sink),
            Format::Hosts => hosts(line, plain, sink),
            Format::Adblock => adblock(line, plain, sink),
            Format::Dnsmasq => zone::dnsmasq(line, plain, sink),
            // Read whole: its records go over lines.
            Format::Rpz => {}
        }
    }
}

/// The folder of a file `…/<folder>/domains`.
pub fn ut1_folder(path: &str) -> Option<&str> {
    path.strip_suffix("/domains")?.rsplit('/').next()
}

/// A line that lists, without marks.
pub fn block(reach: Reach) -> Said {
    Said { reach, exception: false, important: false, partly: false }
}

fn domains(line: &str, plain: Reach, sink: &mut Sink<'_>) {
    let line = line.split('#').next().unwrap_or_default().trim();
    let (text, reach) = match line.strip_prefix("*.").or(line.strip_prefix('.')) {
        Some(rest) => (rest, Reach::NameAndBelow),
        None => (line, plain),
    };
    if let Some(name) = host(text) {
        sink(Line::Name(name), block(reach), false);
    }
}

fn hosts(line: &str, plain: Reach, sink: &mut Sink<'_>) {
    let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
    let address = words.next().and_then(|word| word.split('%').next()?.parse::<IpAddr>().ok());
    if !address.is_some_and(|address| address.is_unspecified() || address.is_loopback()) {
        return;
    }
    for word in words.filter(|word| !OWN_NAMES.contains(&word.to_ascii_lowercase().as_str())) {
        let (text, reach) = word.strip_prefix("*.").map_or((word, plain), |rest| (rest, Reach::Below));
        if let Some(name) = host(text) {
            sink(Line::Name(name), block(reach), false);
        }
    }
}

fn adblock(line: &str, plain: Reach, sink: &mut Sink<'_>) {
    let line = line.split(" #").next().unwrap_or_default().trim();
    if let Some(text) = line.strip_prefix('/').and_then(|line| line.strip_suffix('/')) {
        sink(Line::Regex(text.to_owned()), block(Reach::Name), false);
        return;
    }
    // Comments, headers, cosmetic rules, regular expressions with marks.
    if line.starts_with(['!', '[', '/']) || line.contains('#') {
        return;
    }
    let (exception, line) = line.strip_prefix("@@").map_or((false, line), |rest| (true, rest));
    let (pattern, modifiers) = line.rsplit_once('$').unwrap_or((line, ""));
    let (mut important, mut cancels, mut partly) = (false, false, false);
    for modifier in modifiers.split(',').map(str::trim).filter(|modifier| !modifier.is_empty()) {
        match modifier {
            "important" => important = true,
            "badfilter" => cancels = true,
            // Questions here are for A.
            _ => match modifier.strip_prefix("dnstype=") {
                Some(types) if is_for_addresses(types) => partly = true,
                _ => return,
            },
        }
    }
    let anchored = pattern.trim_end_matches('|').trim_end_matches('^');
    let (text, reach) = if let Some(rest) = anchored.strip_prefix("||") {
        (rest, Reach::NameAndBelow)
    } else if let Some(rest) = anchored.strip_prefix('|') {
        (rest, Reach::Name)
    } else {
        // `x^` without an anchor in front means any name that ends so: host() refuses its `^`.
        (pattern, plain)
    };
    let (text, reach) = match text.strip_prefix("*.") {
        Some(rest) if reach == Reach::NameAndBelow => (rest, Reach::Below),
        _ => (text, reach),
    };
    let said = Said { reach, exception, important, partly };
    // `||norwegian.com.` means `norwegian.com.evil.example`, not the airline.
    match (host(text), text.ends_with('.')) {
        (Some(name), false) => sink(Line::Name(name), said, cancels),
        _ => sink(Line::Glob(pattern.to_owned()), said, cancels),
    }
}

/// Whether `$dnstype` lets a rule speak of questions for A.
fn is_for_addresses(types: &str) -> bool {
    let without = types.split('|').any(|word| word.eq_ignore_ascii_case("~a"));
    let only = types.split('|').any(|word| !word.starts_with('~'));
    !without && (!only || types.split('|').any(|word| word.eq_ignore_ascii_case("a")))
}

/// A host name in lower-case A-labels; `None` for addresses, URLs and anything else.
pub fn host(text: &str) -> Option<String> {
    let text = if text.is_ascii() { text.to_ascii_lowercase() } else { idna::domain_to_ascii(text).ok()? };
    let name = text.strip_suffix('.').unwrap_or(&text);
    let good_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
    };
    let is_address = name.rsplit('.').next()?.bytes().all(|byte| byte.is_ascii_digit());
    (name.len() <= 253 && name.split('.').all(good_label) && !is_address).then(|| name.to_owned())
}
