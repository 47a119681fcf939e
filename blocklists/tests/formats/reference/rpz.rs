//! `rpz` by RFC 1035 section 5 and the RPZ draft, on text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Around, Said, What, is_huge, lies_in, may_be_answer};

/// Types whose records are the zone's own affair.
const OWN: [&str; 7] = ["NS", "DS", "RRSIG", "NSEC", "NSEC3", "DNSKEY", "NSEC3PARAM"];

/// What a zone says.
pub fn read(lines: &[&str], plain: Around, by_policy: bool) -> Vec<Said> {
    let mut all: Vec<Said> = Vec::new();
    let (mut origin, mut owner, mut said_origin) = (String::new(), None, None::<String>);
    let mut apex = None::<String>;
    for (blank, words) in entries(lines) {
        let mut words = words.iter().map(String::as_str).peekable();
        if !blank && words.peek().is_some_and(|word| word.starts_with('$')) {
            if words.next().is_some_and(|word| word.eq_ignore_ascii_case("$origin")) {
                let Some(name) = words.next().and_then(|word| whole(word, &origin)) else { continue };
                said_origin.get_or_insert(name.clone());
                origin = name;
            }
            continue;
        }
        if !blank {
            owner = words.next().and_then(|word| whole(word, &origin));
        }
        let Some(name) = owner.clone() else { continue };
        while words.peek().is_some_and(|word| is_class_or_ttl(word)) {
            words.next();
        }
        let rtype = words.next().unwrap_or("").to_uppercase();
        if rtype == "SOA" && apex.is_none() {
            if said_origin.is_none() {
                origin.clone_from(&name);
            }
            apex = Some(name);
            continue;
        }
        let zone = apex.as_ref().or(said_origin.as_ref());
        let Some(trigger) = zone.map_or(Some(name.clone()), |zone| below(&name, zone)) else { continue };
        let words: Vec<&str> = words.collect();
        let Some((exception, how)) = action(&rtype, &words, &origin, &trigger) else { continue };
        let Some(what) = what(&trigger, plain) else { continue };
        let how = if by_policy { "block".to_owned() } else { how };
        // More data of the same name.
        match all.last_mut().filter(|last| last.what == what && how.starts_with("data") && !by_policy) {
            Some(last) if last.how.starts_with("data") => last.how += &how.replacen("data", ",", 1),
            _ => all.push(Said { exception, how, ..Said::plain(what) }),
        }
    }
    all
}

/// Lines with their parentheses closed, as words; whether each starts with a blank.
fn entries(lines: &[&str]) -> Vec<(bool, Vec<String>)> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(first) = lines.get(at) {
        at += 1;
        let mut words = Vec::new();
        let mut open = false;
        let mut sound = split(first, &mut open, &mut words);
        let mut next = at;
        while sound && open {
            match lines.get(next) {
                Some(line) => sound = split(line, &mut open, &mut words),
                None => sound = false,
            }
            next += 1;
        }
        if sound {
            at = next.max(at);
            if !words.is_empty() {
                all.push((first.starts_with([' ', '\t']), words));
            }
        }
    }
    all
}

fn split(line: &str, open: &mut bool, words: &mut Vec<String>) -> bool {
    let mut rest = line.chars().peekable();
    while let Some(sign) = rest.next() {
        match sign {
            ';' => break,
            '(' | ')' if *open == (sign == '(') => return false,
            '(' | ')' => *open = sign == '(',
            '"' => {
                let mut word = String::new();
                loop {
                    match rest.next() {
                        Some('"') => break,
                        Some(sign) => word.push(sign),
                        None => return false,
                    }
                }
                words.push(word);
            }
            _ if sign.is_whitespace() => {}
            _ => {
                let mut word = sign.to_string();
                while let Some(sign) = rest.next_if(|sign| !sign.is_whitespace() && !";()\"".contains(*sign))
                {
                    word.push(sign);
                }
                words.push(word);
            }
        }
    }
    true
}

fn is_class_or_ttl(word: &str) -> bool {
    let units = word.trim_end_matches(|sign: char| "smhdwSMHDW0123456789".contains(sign));
    word.eq_ignore_ascii_case("IN")
        || (units.is_empty() && word.starts_with(|sign: char| sign.is_ascii_digit()))
}

/// A name without its last dot, the origin behind it where it is relative; the root is empty.
fn whole(word: &str, origin: &str) -> Option<String> {
    if word == "@" {
        return Some(origin.to_owned());
    }
    let word = &*unescaped(word)?;
    let word = if word.is_ascii() { word.to_lowercase() } else { idna::domain_to_ascii(word).ok()? };
    let name = match word.strip_suffix('.') {
        Some(whole) => whole.to_owned(),
        None if origin.is_empty() => word,
        None => format!("{word}.{origin}"),
    };
    let is_name = name.is_empty() || name.split('.').all(|label| (1..=63).contains(&label.len()));
    (is_name && name.len() <= 253).then_some(name)
}

/// `\095` and `\-`: a sign by its number, or by itself.
fn unescaped(word: &str) -> Option<String> {
    let mut parts = word.split('\\');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        if part.starts_with(|sign: char| sign.is_ascii_digit()) {
            out.push(char::from(part.get(..3)?.parse::<u8>().ok()?));
            out += &part[3..];
        } else {
            out += part;
        }
    }
    Some(out)
}

fn below(name: &str, zone: &str) -> Option<String> {
    if zone.is_empty() {
        Some(name.to_owned())
    } else {
        name.strip_suffix(&format!(".{zone}")).map(str::to_owned)
    }
}

fn what(trigger: &str, plain: Around) -> Option<What> {
    if let Some(front) = trigger.strip_suffix(".rpz-ip") {
        let (address, prefix) = network(front)?;
        return may_be_answer(address, prefix).then_some(What::Answer(address, prefix));
    }
    if let Some(front) = trigger.strip_suffix(".rpz-client-ip") {
        let (address, prefix) = network(front)?;
        return (!is_huge(address, prefix)).then_some(What::Client(address, prefix));
    }
    if trigger.is_empty() || trigger == "*" || trigger.rsplit('.').next()?.starts_with("rpz-") {
        return None;
    }
    Some(match trigger.strip_prefix("*.") {
        Some(below) => What::Name(below.to_owned(), Around::Below),
        None => What::Name(trigger.to_owned(), plain),
    })
}

/// `24.0.2.0.192` and `48.zz.101.db8.2001`.
fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (prefix, labels) = text.split_once('.')?;
    let prefix: u8 = prefix.parse().ok().filter(|prefix| *prefix > 0)?;
    let labels: Vec<&str> = labels.split('.').rev().collect();
    let is_four = labels.len() == 4 && !labels.contains(&"zz");
    let address: IpAddr = if is_four {
        labels.join(".").parse::<Ipv4Addr>().ok()?.into()
    } else {
        // `zz` is what `::` is; alone at an end it needs the other colon.
        let text = labels.join(":").replace("zz", "");
        let text = if text.starts_with(':') { format!(":{text}") } else { text };
        let text = if text.ends_with(':') { format!("{text}:") } else { text };
        text.parse::<Ipv6Addr>().ok()?.into()
    };
    let whole = if is_four { 32 } else { 128 };
    // Bits behind the prefix: then the next address up would lie outside of it.
    let octets = match address {
        IpAddr::V4(four) => four.octets().to_vec(),
        IpAddr::V6(six) => six.octets().to_vec(),
    };
    let bits = octets.iter().flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1));
    let is_clean = bits.skip(usize::from(prefix)).all(|bit| bit == 0);
    (prefix <= whole && is_clean && lies_in(address, address, prefix)).then_some((address, prefix))
}

/// Whether it is an exception, and how a question is answered; `None` for what says nothing.
fn action(rtype: &str, words: &[&str], origin: &str, trigger: &str) -> Option<(bool, String)> {
    let said = |how: &str| Some((false, how.to_owned()));
    match (rtype, words) {
        _ if OWN.contains(&rtype) || trigger.is_empty() => None,
        ("CNAME", ["."]) => said("nxdomain"),
        ("CNAME", ["*."]) => said("nodata"),
        ("CNAME", [target]) => match whole(target, origin)?.as_str() {
            "rpz-passthru" => Some((true, String::new())),
            "rpz-drop" => said("drop"),
            "rpz-tcp-only" => said("tcp"),
            target if target == trigger => Some((true, String::new())),
            target if target.starts_with("rpz-") && !target.contains('.') => None,
            target => said(&format!("data CNAME {target}")),
        },
        ("A", ["\\#", "4", digits]) => {
            let octets = u32::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 8)?;
            said(&format!("data A {}", Ipv4Addr::from(octets)))
        }
        ("CNAME", ["\\#", ..]) => None,
        ("A", [address]) => said(&format!("data A {}", address.parse::<Ipv4Addr>().ok()?)),
        ("AAAA", [address]) => said(&format!("data AAAA {}", address.parse::<Ipv6Addr>().ok()?)),
        ("TXT", [text, ..]) => said(&format!("data TXT {text}")),
        ("PTR", [target]) => said(&format!("data PTR {}", whole(target, origin)?)),
        ("MX", [number, target]) => {
            said(&format!("data MX {} {}", number.parse::<u16>().ok()?, whole(target, origin)?))
        }
        ("SRV", [_, _, port, target]) => {
            said(&format!("data SRV {} {}", port.parse::<u16>().ok()?, whole(target, origin)?))
        }
        _ => None,
    }
}
