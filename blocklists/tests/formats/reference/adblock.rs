//! `adblock` by its document: signs, modifiers, wildcards.

use super::{Around, Said, What, expression, host, may_be_answer, network};

/// What one line says.
pub fn read(line: &str, plain: Around) -> Option<Said> {
    let line = line.split(" #").next()?.trim_end();
    if line.starts_with('!') || line.starts_with('[') || line.is_empty() {
        return None;
    }
    let (exception, rule) = line.strip_prefix("@@").map_or((false, line), |rule| (true, rule));
    let is_expression =
        rule.len() > 1 && rule.starts_with('/') && (rule.ends_with('/') || rule.contains("/$"));
    let (pattern, modifiers) = if is_expression {
        let end = if rule.ends_with('/') { rule.len() - 1 } else { rule.rfind("/$")? };
        (&rule[..=end], rule.get(end + 2..))
    } else if rule.contains('#') {
        return None;
    } else {
        rule.rfind('$').map_or((rule, None), |at| (&rule[..at], Some(&rule[at + 1..])))
    };
    let what = if is_expression {
        let inside = pattern.get(1..pattern.len() - 1)?;
        expression::finds(inside, "x")?;
        // Three octets spelt out: an address, whatever the last is.
        if inside
            .strip_prefix('^')
            .is_some_and(|rest| rest.split("\\.").take(3).all(|octet| octet.parse::<u8>().is_ok()))
        {
            What::Answers(inside.to_owned())
        } else {
            What::Expression(inside.to_owned())
        }
    } else {
        pattern_said(pattern, plain)?
    };
    let mut said = Said { exception, ..Said::plain(what) };
    for modifier in modifiers.into_iter().flat_map(|modifiers| modifiers.split(',')) {
        modify(&mut said, modifier.trim())?;
    }
    Some(said)
}

fn modify(said: &mut Said, modifier: &str) -> Option<()> {
    match modifier.split_once('=').map_or((modifier, ""), |(word, value)| (word, value)) {
        ("important", "") => said.important = true,
        ("badfilter", "") => said.cancels = true,
        ("denyallow", names) => said.spared = names.split('|').map(host).collect::<Option<_>>()?,
        ("dnstype", types) => {
            let known = ["A", "AAAA", "CNAME", "TXT", "MX", "HTTPS", "PTR", "SRV", "NS", "ANY"];
            let words: Vec<String> = types.split('|').map(str::to_uppercase).collect();
            if !words.iter().all(|word| known.contains(&word.trim_start_matches('~'))) {
                return None;
            }
            let but: Vec<String> =
                words.iter().filter_map(|word| Some(word.strip_prefix('~')?.to_owned())).collect();
            let only: Vec<String> = words.into_iter().filter(|word| !word.starts_with('~')).collect();
            said.types = Some(if only.is_empty() {
                (true, but)
            } else {
                (false, only.into_iter().filter(|word| !but.contains(word)).collect())
            });
        }
        _ => return None,
    }
    Some(())
}

fn pattern_said(pattern: &str, plain: Around) -> Option<What> {
    let (mut start, mut body) = match pattern.strip_prefix("||") {
        Some(rest) => ('^', rest),
        None => pattern.strip_prefix('|').map_or((' ', pattern), |rest| ('|', rest)),
    };
    let ends = ["^|", "^*", "^", "|"];
    let end = ends.iter().find(|end| body.ends_with(**end));
    let mut closed = end.is_some();
    body = end.and_then(|end| body.strip_suffix(end)).unwrap_or(body);
    let starred = body.ends_with('*');
    closed &= !starred;
    let floating = body.starts_with('*');
    if floating {
        start = ' ';
    }
    body = body.trim_matches('*');
    if let Some((address, prefix)) = network(body).filter(|_| !floating && !starred) {
        return may_be_answer(address, prefix).then_some(What::Answer(address, prefix));
    }
    if let Some(octets) = body.strip_suffix('.').filter(|_| !closed && !starred && start != ' ') {
        let octets: Vec<&str> = octets.split('.').collect();
        if matches!(octets.len(), 2 | 3) && octets.iter().all(|octet| octet.parse::<u8>().is_ok()) {
            let address = [octets.as_slice(), &["0", "0"][octets.len() - 2..]].concat().join(".");
            return Some(What::Answer(address.parse().ok()?, u8::try_from(octets.len() * 8).ok()?));
        }
    }
    let goes_on = starred || (body.ends_with('.') && !closed);
    let name = |text: &str, around| host(text).map(|host| What::Name(host, around));
    let is_whole = closed || body.contains('.') || !body.is_ascii();
    match (start, body.strip_prefix('.')) {
        _ if body.is_empty() => return None,
        _ if goes_on || body.contains('*') => {}
        (' ', Some(below)) => return name(below, Around::Below),
        ('^', None) if is_whole => return name(body, Around::Subtree),
        ('|', None) if is_whole => return name(body, Around::Exact),
        (' ', None) if !floating && !closed => return name(body, plain),
        (_, Some(_)) => return None,
        _ => {}
    }
    let is_sign = |sign: char| sign.is_ascii_alphanumeric() || "-_.*".contains(sign);
    let glob = What::Glob(start, body.to_lowercase(), closed);
    let fits_all = ["q", "x.y", "7-1.zz"].iter().all(|name| self::glob(start, body, closed, name));
    (body.chars().all(is_sign) && !fits_all).then_some(glob)
}

/// Whether a wildcard fits a name, tried from every place where it may start.
pub fn glob(start: char, text: &str, closed: bool, name: &str) -> bool {
    let starts: Vec<usize> = match start {
        '|' => vec![0],
        '^' => (0..name.len()).filter(|at| *at == 0 || name.as_bytes()[at - 1] == b'.').collect(),
        _ => (0..=name.len()).collect(),
    };
    starts.into_iter().any(|at| fits(text, &name[at..], closed))
}

fn fits(text: &str, name: &str, closed: bool) -> bool {
    match text.chars().next() {
        None => !closed || name.is_empty(),
        Some('*') => (0..=name.len()).any(|at| fits(&text[1..], &name[at..], closed)),
        Some(sign) => {
            name.strip_prefix(sign).is_some_and(|rest| fits(&text[sign.len_utf8()..], rest, closed))
        }
    }
}
