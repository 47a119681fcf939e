//! `dnsmasq` by its manual: `--server`, `--local` and `--address`.

use std::net::IpAddr;

use super::{Around, Said, What, host};

/// What one line says: one thing for each of its domains.
pub fn read(line: &str, plain: Around) -> Vec<Said> {
    let mut end = line.len();
    for (at, _) in line.match_indices('#') {
        if at == 0 || line[..at].ends_with(char::is_whitespace) {
            end = at;
            break;
        }
    }
    let Some((option, value)) = line[..end].split_once('=') else { return Vec::new() };
    let option = option.trim().trim_start_matches("--");
    let Some((domains, target)) = value.trim().strip_prefix('/').and_then(|rest| rest.rsplit_once('/'))
    else {
        return Vec::new();
    };
    let target = target.trim();
    let nowhere = target.is_empty()
        || target.parse::<IpAddr>().is_ok_and(|target| target.is_unspecified() || target.is_loopback());
    let exception = match option {
        "server" | "local" if target == "#" => true,
        "server" | "local" if nowhere => false,
        "address" if nowhere || target == "#" => false,
        _ => return Vec::new(),
    };
    domains
        .split('/')
        .filter_map(|domain| domain_said(domain.trim(), plain))
        .map(|what| Said { exception, ..Said::plain(what) })
        .collect()
}

fn domain_said(domain: &str, plain: Around) -> Option<What> {
    if let Some(below) = domain.strip_prefix("*.") {
        return host(below).map(|host| What::Name(host, Around::Below));
    }
    if let Some(end) = domain.strip_prefix('*') {
        let end = end.trim_end_matches('.').to_lowercase();
        let is_sign = |sign: char| sign.is_ascii_alphanumeric() || "-_.".contains(sign);
        return (!end.is_empty() && end.chars().all(is_sign)).then_some(What::Glob(' ', end, true));
    }
    host(domain.strip_prefix('.').unwrap_or(domain)).map(|host| What::Name(host, plain))
}
