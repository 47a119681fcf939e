//! Step 4: names by which devices ask whether they may go round this resolver. The answer is no,
//! under every policy and for every type, at once.

use blocklists::name::Name;

use crate::names::{Covered, Fact, Names, Scope};

/// Denied with NXDOMAIN, with everything below: Firefox's own DoH, Apple's Private Relay, and the
/// name under which Apple devices look for their own encrypted resolver.
const DENIED: [&str; 5] = [
    "use-application-dns.net",
    "mask.icloud.com",
    "mask-h2.icloud.com",
    "mask-canary.icloud.com",
    "doh.dns.apple.com",
];

/// Discovery of designated resolvers (RFC 9462 section 6.4: never forwarded): NODATA.
const DISCOVERY: &str = "resolver.arpa";

/// Says the canaries.
pub(crate) fn say(names: &mut Names) {
    let known = DENIED.iter().map(|name| (*name, Fact::Canary)).chain([(DISCOVERY, Fact::Discovery)]);
    for (text, fact) in known {
        if let Ok(name) = Name::parse(text) {
            names.say(&Covered { name, subtree: true }, Scope::All, fact);
        }
    }
}
