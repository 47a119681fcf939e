//! Response policy zones and dnsmasq's lines, read a second time from design section 4.

use std::net::IpAddr;

use super::formats::{Line, Sink, block, host};
use super::{Reach, Said};

/// Record types that say something of the zone, not of a name.
const FURNITURE: [&str; 8] = ["SOA", "NS", "DNSKEY", "RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DS"];
/// Record types whose data stands in for an answer.
const DATA: [&str; 7] = ["A", "AAAA", "MX", "PTR", "SRV", "TXT", "SPF"];

/// Hands over what each line of a dnsmasq configuration says.
pub fn dnsmasq(line: &str, plain: Reach, sink: &mut Sink<'_>) {
    // `/x/#` is no comment: one starts the line or has a blank before it.
    let line = if line.starts_with('#') { "" } else { line.split(" #").next().unwrap_or_default() };
    let Some((option, value)) = line.trim().split_once('=') else { return };
    let Some((domains, target)) = value.strip_prefix('/').and_then(|value| value.rsplit_once('/')) else {
        return;
    };
    let nowhere = target.is_empty()
        || target.parse::<IpAddr>().is_ok_and(|address| address.is_loopback() || address.is_unspecified());
    let exception = match (option, target) {
        ("server" | "local", "#") => true,
        ("address", "#") => false,
        ("server" | "local" | "address", _) if nowhere => false,
        _ => return,
    };
    for domain in domains.split('/') {
        let (text, reach) = match domain.strip_prefix("*.") {
            Some(below) => (below, Reach::Below),
            None => (domain.strip_prefix('.').unwrap_or(domain), plain),
        };
        let said = |reach| Said { exception, ..block(reach) };
        if let Some(end) = text.strip_prefix('*') {
            sink(Line::Glob(format!("*{end}^")), said(Reach::Name), false);
        } else if let Some(name) = host(text) {
            sink(Line::Name(name), said(reach), false);
        }
    }
}

/// Hands over what each record of a zone says of a name; addresses are triggers of another kind.
pub fn rpz(text: &str, plain: Reach, sink: &mut Sink<'_>) {
    let (mut origin, mut apex) = (None::<String>, None::<String>);
    let mut owner = String::new();
    for record in records(text) {
        let mut words = record.split_whitespace().peekable();
        if let Some(directive) = words.next_if(|word| word.starts_with('$')) {
            if directive == "$ORIGIN" {
                origin = words.next().map(|word| absolute(word, origin.as_deref()));
                apex = apex.or_else(|| origin.clone());
            }
            continue;
        }
        if !record.starts_with([' ', '\t']) {
            let word = words.next().unwrap_or_default();
            owner = absolute(word, origin.as_deref());
        }
        let is_head = |word: &&str| *word == "IN" || word.bytes().all(|byte| byte.is_ascii_digit());
        while words.next_if(is_head).is_some() {}
        let rtype = words.next().unwrap_or_default();
        if rtype == "SOA" {
            // What comes before any `$ORIGIN` is relative to the zone's own name.
            apex = apex.or_else(|| Some(owner.clone()));
            origin = origin.or_else(|| apex.clone());
        }
        let zone = apex.as_deref().unwrap_or_default();
        let Some(trigger) = in_zone(&owner, zone).filter(|_| !FURNITURE.contains(&rtype)) else { continue };
        let target = (rtype == "CNAME").then(|| words.next().unwrap_or_default());
        let mut partly = false;
        let exception = match target {
            Some(target) => match absolute(target, origin.as_deref()).as_str() {
                "rpz-passthru" => true,
                "rpz-tcp-only" => {
                    partly = true;
                    false
                }
                // As zones of old wrote it; `*.x CNAME *.x.` is a rewrite.
                same if same == trigger && !same.starts_with('*') => true,
                _ => false,
            },
            None if DATA.contains(&rtype) => false,
            None => continue,
        };
        if trigger == "*" || trigger.rsplit('.').next().is_some_and(|last| last.starts_with("rpz-")) {
            continue;
        }
        let (name, reach) = trigger.strip_prefix("*.").map_or((trigger, plain), |name| (name, Reach::Below));
        sink(Line::Name(name.to_owned()), Said { exception, partly, ..block(reach) }, false);
    }
}

/// Lines without comments, those between parentheses as one.
fn records(text: &str) -> Vec<String> {
    let mut records: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        let line = line.split(';').next().unwrap_or_default();
        match records.last_mut().filter(|_| is_open) {
            Some(record) => record.push_str(line),
            None if line.trim().is_empty() => continue,
            None => records.push(line.to_owned()),
        }
        is_open = (is_open || line.contains('(')) && !line.contains(')');
    }
    records
}

/// A name in lower case without its last dot; the root is empty.
fn absolute(word: &str, origin: Option<&str>) -> String {
    let word = word.to_ascii_lowercase();
    match (word.strip_suffix('.'), origin.filter(|origin| !origin.is_empty())) {
        (Some(whole), _) => whole.to_owned(),
        (None, origin) if word == "@" => origin.unwrap_or_default().to_owned(),
        (None, Some(origin)) => format!("{word}.{origin}"),
        (None, None) => word,
    }
}

/// What of a name stands in front of the zone's; a zone without a name holds every name.
fn in_zone<'n>(owner: &'n str, zone: &str) -> Option<&'n str> {
    let front = if zone.is_empty() { owner } else { owner.strip_suffix(zone)?.strip_suffix('.')? };
    (!front.is_empty()).then_some(front)
}
