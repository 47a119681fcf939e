//! A URL as people may see it: what opens a door is not shown.
//!
//! Some providers hand out addresses with a password or a key inside. The address is shown in
//! status, API and messages all the same, because people must see where a list comes from.

/// What stands in for a secret.
const MASK: &str = "***";
/// A query parameter whose name holds one of these is a secret.
const SECRET_WORDS: [&str; 9] = ["key", "token", "secret", "pass", "pwd", "auth", "sig", "code", "licen"];
/// A query parameter of this very name is a secret.
const SECRET_NAMES: [&str; 4] = ["id", "user", "u", "k"];
/// A parameter's value of this length and more is a secret whatever it is called.
const LONG_VALUE: usize = 20;

/// A URL without what stands before `@` in its host part, and without the values of query
/// parameters that look like secrets. Text that is no URL stays as it is.
#[must_use]
pub fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (rest, fragment) = rest.split_once('#').map_or((rest, ""), |(rest, _)| (rest, "#***"));
    let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
    let (host, path) = place.split_at(place.find('/').unwrap_or(place.len()));
    let host = match host.rsplit_once('@') {
        Some((user, host)) if !user.is_empty() => format!("{MASK}@{host}"),
        _ => host.to_owned(),
    };
    let query = query.map_or_else(String::new, |query| {
        let parameters: Vec<String> = query.split('&').map(parameter).collect();
        format!("?{}", parameters.join("&"))
    });
    format!("{scheme}://{host}{path}{query}{fragment}")
}

/// A text with every URL in it masked: a policy file, a message of somebody else's.
#[must_use]
pub fn masked_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let is_scheme = |sign: char| sign.is_ascii_alphanumeric() || "+-.".contains(sign);
        let start = rest.get(..at).map_or(0, |front| front.trim_end_matches(is_scheme).len());
        let is_end =
            |sign: char| sign.is_whitespace() || sign.is_control() || "\"'`<>,;|{}[]()".contains(sign);
        // The host of an IPv6 address stands in brackets, and a password may hold any sign but these.
        let is_end = |sign: char| is_end(sign) && !"[]".contains(sign);
        let behind = rest.get(at + 3..).unwrap_or_default();
        let end = at + 3 + behind.find(is_end).unwrap_or(behind.len());
        out.push_str(rest.get(..start).unwrap_or_default());
        out.push_str(&masked(rest.get(start..end).unwrap_or_default()));
        rest = rest.get(end..).unwrap_or_default();
    }
    out + rest
}

/// Whether a URL carries a name or password before its host.
#[must_use]
pub fn has_user(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().is_some_and(|host| host.contains('@'))
}

/// Host and port of a URL as written there; empty for text that is no URL.
#[must_use]
pub fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let place = rest.split(['/', '?', '#']).next().unwrap_or("");
    place.rsplit_once('@').map_or(place, |(_, host)| host)
}

fn parameter(written: &str) -> String {
    let Some((name, value)) = written.split_once('=') else {
        return if written.len() >= LONG_VALUE { MASK.to_owned() } else { written.to_owned() };
    };
    let lower = name.to_ascii_lowercase();
    let is_secret = SECRET_WORDS.iter().any(|word| lower.contains(word))
        || SECRET_NAMES.contains(&lower.as_str())
        || value.len() >= LONG_VALUE;
    if is_secret && !value.is_empty() { format!("{name}={MASK}") } else { written.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_a_door_is_not_shown() {
        for (url, shown) in [
            ("https://lists.example/a.txt", "https://lists.example/a.txt"),
            ("https://school:pw@lists.example/a", "https://***@lists.example/a"),
            ("https://a@b:c@lists.example", "https://***@lists.example"),
            ("https://lists.example/a?list=ads&apikey=abc", "https://lists.example/a?list=ads&apikey=***"),
            ("https://lists.example/?Access_Token=1&v=2", "https://lists.example/?Access_Token=***&v=2"),
            ("https://lists.example/?0123456789abcdef0123", "https://lists.example/?***"),
            ("https://lists.example/?x=0123456789abcdef0123", "https://lists.example/?x=***"),
            ("https://lists.example/a@b.txt", "https://lists.example/a@b.txt"),
            ("https://lists.example/a#secret", "https://lists.example/a#***"),
            ("lists/a.txt", "lists/a.txt"),
        ] {
            assert_eq!(masked(url), shown);
        }
        assert_eq!(
            masked_text(
                "url = \"https://school:pw@lists.example/a\" # from https://b@c\nx = 'ftp://u@[::1]/' end"
            ),
            "url = \"https://***@lists.example/a\" # from https://***@c\nx = 'ftp://***@[::1]/' end"
        );
        assert_eq!(masked_text("://@ no url, é://"), "://@ no url, é://");
        assert_eq!(host_of("https://a:b@lists.example:8443/x?y=1@2"), "lists.example:8443");
        assert!(has_user("http://a@b/") && !has_user("http://b/?x=a@b") && !has_user("a@b"));
    }
}
