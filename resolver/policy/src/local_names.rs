//! Step 12: names that have no meaning outside this network and so never leave the box.

use blocklists::name::{Name, NameRef};

use crate::names::{Covered, Fact, Names, Scope};

/// Names of RFC 6761, 6762, 7686, 8375, 9476 and ICANN's `internal`. `example` and
/// `ipv4only.arpa` are ordinary names.
const SPECIAL: [&str; 7] = ["invalid", "test", "onion", "alt", "local", "internal", "home.arpa"];

/// Reverse zones of addresses without a meaning outside (RFC 6303), but for the ranges in
/// [`say`].
const REVERSE: [&str; 17] = [
    "10.in-addr.arpa",
    "168.192.in-addr.arpa",
    "0.in-addr.arpa",
    "127.in-addr.arpa",
    "254.169.in-addr.arpa",
    "2.0.192.in-addr.arpa",
    "100.51.198.in-addr.arpa",
    "113.0.203.in-addr.arpa",
    "255.255.255.255.in-addr.arpa",
    "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
    "d.f.ip6.arpa",
    "8.e.f.ip6.arpa",
    "9.e.f.ip6.arpa",
    "a.e.f.ip6.arpa",
    "b.e.f.ip6.arpa",
    "8.b.d.0.1.0.0.2.ip6.arpa",
];

/// Says the names that never leave the box. Forwards are to be said later: of two facts about one
/// name the later counts.
pub(crate) fn say(names: &mut Names) {
    // RFC 1918's 172.16/12 and the shared address space of RFC 7793.
    let private = (16..=31).map(|octet| format!("{octet}.172.in-addr.arpa"));
    let shared = (64..=127).map(|octet| format!("{octet}.100.in-addr.arpa"));
    let fixed = SPECIAL.iter().chain(&REVERSE).map(|name| (*name).to_owned());
    for text in fixed.chain(private).chain(shared) {
        say_one(names, &text, Fact::Special);
    }
    say_one(names, "localhost", Fact::Loopback);
}

fn say_one(names: &mut Names, text: &str, fact: Fact) {
    if let Ok(name) = Name::parse(text) {
        names.say(&Covered { name, subtree: true }, Scope::All, fact);
    }
}

/// Whether a zone may be asked elsewhere: not the root, a top-level domain or a public suffix, which
/// would carry away what belongs to strangers (design section 5, step 14). Names that mean something
/// only inside (`lan`, `internal`, `home.arpa`) may.
#[must_use]
pub fn may_be_forwarded(zone: NameRef<'_>) -> bool {
    let inside = SPECIAL.iter().any(|special| Name::parse(special).is_ok_and(|name| name.as_ref() == zone));
    inside || is_bare_label(zone) || !crate::is_public_suffix(zone)
}

/// Whether a name is one label that is no top-level domain (`printer`, `wpad`). Real top-level
/// domains stay ordinary: "`com` does not exist" would deny everything below to a client that takes
/// RFC 8020 seriously, and a validating one asks for their keys.
pub(crate) fn is_bare_label(name: NameRef<'_>) -> bool {
    let mut labels = name.labels();
    match (labels.next(), labels.next()) {
        (Some(label), None) => !psl::suffix(label).is_some_and(|suffix| suffix.is_known()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_labels_of_nobody_are_bare() {
        for (name, bare) in
            [("printer", true), ("wpad", true), ("com", false), ("uk", false), ("a.printer", false)]
        {
            assert_eq!(is_bare_label(Name::parse(name).unwrap().as_ref()), bare, "{name}");
        }
        assert!(!is_bare_label(Name::root().as_ref()));
    }

    #[test]
    fn every_special_name_is_said() {
        let mut names = Names::default();
        say(&mut names);
        for name in SPECIAL.iter().chain(&REVERSE).chain(&["31.172.in-addr.arpa", "127.100.in-addr.arpa"]) {
            assert_eq!(names.clone().told(name, 0), [Fact::Special], "{name}");
        }
    }
}
