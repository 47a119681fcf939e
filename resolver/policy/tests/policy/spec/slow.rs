//! Design section 5, steps 3 to 13, written a second time: slowly, over dotted text and plain
//! vectors, from the page and not from the code.

use std::sync::LazyLock;

use super::draft::{ASKED, Covers, Draft, Entry, Feed, Line, Policy, Wants, Zone};

const PRESETS: &str = include_str!("../../../data/presets.tsv");
const CORE: &str = include_str!("../../../data/core.tsv");
const MUST_OPEN: &str = include_str!("../../../../../blocklists/data/must_open.tsv");
const SHARED_HOSTING: &str = include_str!("../../../../../blocklists/data/shared_hosting.txt");
const STRICT: [&str; 7] = ["adult", "malware", "extremism", "self-harm", "dating", "bypass", "chat-rooms"];
const ORDER: [&str; 6] = ["allow", "watch", "times", "ask", "block", "seal"];

/// Verdict and reason id.
pub type Answer = (&'static str, &'static str);

/// What must come out for a client of policy `p` (0) or `q` (1), asking for A or AAAA over UDP or TCP.
pub fn decide(draft: &Draft, policy: usize, name: &str, is_a: bool, tcp: bool) -> Answer {
    let school = Spec { draft, policy, is_a, tcp };
    let categories = school.categories(name);
    if categories.iter().any(|category| category.starts_with("illegal/")) {
        return (school.how(name, &categories, |id| id.starts_with("illegal/")), "locked");
    }
    if ["mask.icloud.com", "resolver.arpa"].iter().any(|canary| at_or_below(name, canary)) {
        return ("block", "canary");
    }
    let allowed = match school.up_to_default(name, &categories) {
        Ok(allowed) => allowed,
        Err(blocked) => return blocked,
    };
    if allowed.0 == "local" {
        return allowed;
    }
    school.after(name, &categories, allowed)
}

struct Spec<'a> {
    draft: &'a Draft,
    policy: usize,
    is_a: bool,
    tcp: bool,
}

impl Spec<'_> {
    /// Steps 6 to 11.
    fn up_to_default(&self, name: &str, categories: &[String]) -> Result<Answer, Answer> {
        let sealed = categories.iter().any(|category| self.verb(category) == "seal");
        if CORE.lines().any(|line| line.split('\t').next().is_some_and(|host| host_itself(name, host.trim())))
        {
            return Ok(("allow", "core"));
        }
        let zone = self.draft.zones.iter().any(|zone| at_or_below(name, zone));
        let record = self.draft.records.iter().any(|record| host_itself(name, record));
        if (zone || record) && self.setting("local") == "on" && !sealed {
            return Ok(("local", "local"));
        }
        if sealed {
            return Err((self.how(name, categories, |id| self.verb(id) == "seal"), "sealed"));
        }
        match self.rule(name) {
            Some("allow") => return Ok(("allow", "rule")),
            Some(_) => return Err(("block", "rule")),
            None => {}
        }
        // What every school must have is an essential wherever the policy is no walled garden.
        let must_open = self.setting("default") == "allow" && must_open(name);
        if must_open || self.draft.essentials.iter().any(|covers| covered(name, covers)) {
            return Ok(("allow", "essential"));
        }
        let mut left = categories.to_vec();
        let id = ["p", "q"][self.policy];
        let approved = self.draft.approved_in.contains(&id)
            && self.draft.approved.iter().any(|list| covered(name, list));
        if approved {
            left.retain(|category| !self.draft.clears.contains(&category.as_str()));
        }
        let strictest = left.iter().map(|category| rank(self.verb(category))).max().map(|rank| ORDER[rank]);
        match strictest {
            Some("allow") => Ok(("allow", "category")),
            Some("watch") => Ok(("watch", "category")),
            Some(verb) => Err((self.how(name, &left, |id| self.verb(id) == verb), "category")),
            None if approved => Ok(("allow", "approved")),
            None if self.setting("default") == "allow" => Ok(("allow", "default")),
            None => Err(("block", "default")),
        }
    }

    /// Steps 12 and 13.
    fn after(&self, name: &str, categories: &[String], allowed: Answer) -> Answer {
        if at_or_below(name, "localhost") {
            return ("loopback", "local-name");
        }
        let special =
            ["local", "internal", "10.in-addr.arpa"].iter().find(|special| at_or_below(name, special));
        let forwarded =
            self.draft.forwards.iter().any(|zone| {
                at_or_below(name, zone) && special.is_none_or(|special| at_or_below(zone, special))
            });
        if (special.is_some() || name == "printer") && !forwarded {
            return ("block", "local-name");
        }
        if host_itself(name, "google.com") || host_itself(name, "www.google.com") {
            return if self.setting("safe_search") == "on" { ("rewrite", "safe-search") } else { allowed };
        }
        if host_itself(name, "youtube.com") || host_itself(name, "www.youtube.com") {
            return if self.setting("youtube") == "off" { allowed } else { ("rewrite", "safe-search") };
        }
        let engine =
            at_or_below(name, "search.yahoo.com") || categories.iter().any(|id| id == "unsafe-search");
        if engine && self.setting("unsafe_search_engines") == "block" && allowed.1 != "core" {
            return ("block", "safe-search");
        }
        allowed
    }

    /// Every category that the lists put a name or its client in, confirmed or waiting. What may never
    /// be had may not be had over TCP either.
    fn categories(&self, name: &str) -> Vec<String> {
        let mut all = self.listed(name, self.tcp);
        if self.tcp {
            let closed = |id: &String| id.starts_with("illegal/") || self.verb(id) == "seal";
            all.extend(self.listed(name, false).into_iter().filter(closed));
        }
        all.sort();
        all.dedup();
        all
    }

    fn listed(&self, name: &str, tcp: bool) -> Vec<String> {
        let by_name = united(&self.saying(name, tcp));
        by_name.into_iter().chain(united(&self.client(tcp))).collect()
    }

    /// Who lists the name: category, core, what it wants.
    fn saying(&self, name: &str, tcp: bool) -> Vec<Saying> {
        let feeds = self.draft.feeds.iter().filter(|feed| lists(feed, name, self.is_a));
        let feeds = feeds.map(|feed| (feed.category, feed.core, Wants::Nothing));
        let zones = self.draft.policy_zones.iter();
        feeds
            .chain(zones.filter_map(|zone| Some((zone.category, zone.core, entry(zone, name, tcp)?))))
            .collect()
    }

    /// Who lists the client.
    fn client(&self, tcp: bool) -> Vec<Saying> {
        let zones = self.draft.policy_zones.iter().filter(|_| self.policy == 0);
        let zones = zones.filter_map(|zone| Some((zone.category, zone.core, zone.client?)));
        zones.filter(|zone| !(tcp && zone.2 == Wants::Tcp)).collect()
    }

    /// How a block by the first of these categories is answered: as the entry that put the client in
    /// it says, else as the name's.
    fn how(&self, name: &str, categories: &[String], decides: impl Fn(&str) -> bool) -> &'static str {
        let mut deciding: Vec<&String> = categories.iter().filter(|id| decides(id)).collect();
        deciding.sort();
        let Some(id) = deciding.first() else { return "block" };
        let sealed = self.verb(id) == "seal";
        let wanted = [wanted(id, &self.client(self.tcp)), self.wanted_of(name, id)];
        match wanted.into_iter().find(|wanted| *wanted != Wants::Nothing) {
            _ if id.starts_with("illegal/") => "block",
            Some(Wants::Drop) => "drop",
            Some(Wants::Tcp) if !sealed => "truncate",
            Some(Wants::Data) if !sealed => "data",
            _ => "block",
        }
    }

    /// How the entries of a name want it answered. What is blocked over TCP as well is not sent there.
    fn wanted_of(&self, name: &str, id: &str) -> Wants {
        let category = id.strip_suffix("/unconfirmed").unwrap_or(id);
        let over_tcp = self.saying(name, true);
        match wanted(id, &self.saying(name, self.tcp)) {
            Wants::Tcp if over_tcp.iter().any(|one| one.0 == category) => wants_of(category, &over_tcp),
            wanted => wanted,
        }
    }

    /// The policy and what it extends, nearest first, with the preset at the end.
    fn chain(&self) -> (Vec<&Policy>, &str) {
        let mut chain = vec![&self.draft.policies[self.policy]];
        if chain[0].extends == Some("p") {
            chain.push(&self.draft.policies[0]);
        }
        let preset = chain.last().and_then(|policy| policy.extends).unwrap_or("ks2");
        (chain, preset)
    }

    fn verb(&self, category: &str) -> &str {
        if let Some(strict) = category.strip_suffix("/unconfirmed") {
            let verb = self.verb(strict);
            return if verb == "seal" { "block" } else { verb };
        }
        let (chain, preset) = self.chain();
        let named = chain.iter().find_map(|policy| policy.verbs.iter().find(|(id, _)| *id == category));
        if let Some((_, verb)) = named {
            return verb;
        }
        let cell = cell(if preset == "kiosk" { "ks1" } else { preset }, category).unwrap_or("block");
        if preset == "kiosk" && cell != "seal" { "block" } else { cell }
    }

    fn setting(&self, key: &str) -> &str {
        let (chain, preset) = self.chain();
        let on = |value: Option<bool>| value.map(|on| if on { "on" } else { "off" });
        let named = chain.iter().find_map(|policy| match key {
            "local" => on(policy.local),
            "safe_search" => on(policy.safe_search),
            "youtube" => policy.youtube,
            "unsafe_search_engines" => policy.engines,
            _ => policy.default,
        });
        let built_in = match (preset, key) {
            ("kiosk", "default") => Some("block"),
            ("kiosk", _) => cell("ks1", &format!("({key})")),
            _ => cell(preset, &format!("({key})")),
        };
        named.or(built_in).expect("every preset has every setting")
    }

    /// The action of the winning rule.
    fn rule(&self, name: &str) -> Option<&str> {
        let mut rules: Vec<(&str, &Covers)> = Vec::new();
        for policy in self.chain().0 {
            let mine = policy.rules.iter().map(|(action, covers)| (*action, covers));
            let fresh: Vec<_> =
                mine.filter(|(_, covers)| !rules.iter().any(|(_, known)| same(known, covers))).collect();
            rules.extend(fresh);
        }
        rules.retain(|(_, covers)| covered(name, covers));
        let best = rules.iter().map(|(_, covers)| specificity(covers)).max()?;
        let tied = rules.iter().filter(|(_, covers)| specificity(covers) == best);
        tied.map(|(action, _)| *action).max_by_key(|action| *action == "block")
    }
}

fn cell(column: &str, row: &str) -> Option<&'static str> {
    let mut lines = PRESETS.lines().filter(|line| !line.starts_with('#'));
    let place = lines.next()?.split('\t').position(|head| head == column)?;
    lines.find(|line| line.split('\t').next() == Some(row))?.split('\t').nth(place)
}

fn rank(verb: &str) -> usize {
    ORDER.iter().position(|known| *known == verb).expect("a verb")
}

fn same(one: &Covers, other: &Covers) -> bool {
    one.exact == other.exact && one.name == other.name
}

fn specificity(covers: &Covers) -> (usize, bool) {
    (covers.name.split('.').count(), covers.exact)
}

fn covered(name: &str, covers: &Covers) -> bool {
    if covers.exact { host_itself(name, covers.name) } else { at_or_below(name, covers.name) }
}

fn at_or_below(name: &str, top: &str) -> bool {
    name == top || name.ends_with(&format!(".{top}"))
}

/// The host, or a service of it.
fn host_itself(name: &str, host: &str) -> bool {
    name == host
        || name
            .strip_suffix(&format!(".{host}"))
            .is_some_and(|rest| rest.split('.').all(|label| label.starts_with('_')))
}

/// The first column of a table, as far as it speaks of names that are asked.
fn column(table: &str) -> Vec<&str> {
    let rows = table.lines().filter(|line| !line.starts_with('#'));
    let rows = rows.filter_map(|line| line.split('\t').next()).filter(|row| !row.is_empty());
    let meets = |row: &&str| {
        let top = row.strip_prefix("*.").unwrap_or(row);
        ASKED.iter().any(|name| at_or_below(name, top) || at_or_below(top, name))
    };
    rows.filter(meets).collect()
}

static MUST_OPEN_ASKED: LazyLock<Vec<&str>> = LazyLock::new(|| column(MUST_OPEN));
static SHARED_ASKED: LazyLock<Vec<&str>> = LazyLock::new(|| column(SHARED_HOSTING));

fn must_open(name: &str) -> bool {
    MUST_OPEN_ASKED.iter().any(|&row| match row.strip_prefix("*.") {
        Some(top) => at_or_below(name, top),
        None => host_itself(name, row),
    })
}

/// Whether the guard of section 4 drops a line that blocks: on a must-open name, on a shared hosting
/// apex, or above a must-open name in a category that may be sealed.
fn is_slip(line: &Line, category: &str) -> bool {
    let meant_below = ["ads", "tracking", "malware", "scams"].contains(&category);
    MUST_OPEN_ASKED.iter().any(|&row| {
        let (row, subtree) = row.strip_prefix("*.").map_or((row, false), |top| (top, true));
        let above = STRICT.contains(&category) && !line.exact && at_or_below(row, line.name);
        let is_site = line.name == row || (subtree && line.name.strip_prefix("www.") == Some(row));
        is_site || above || (subtree && !meant_below && at_or_below(line.name, row))
    }) || SHARED_ASKED.contains(&line.name)
}

/// A source that lists something: its category, whether it is core, what it wants.
type Saying = (&'static str, bool, Wants);

/// The categories that some sources come to together.
fn united(saying: &[Saying]) -> Vec<String> {
    let mut all = Vec::new();
    for &(category, ..) in saying {
        let agreeing: Vec<_> = saying.iter().filter(|other| other.0 == category).collect();
        let confirmed =
            !STRICT.contains(&category) || agreeing.len() > 1 || agreeing.iter().any(|(_, core, _)| *core);
        let id = if confirmed { category.to_owned() } else { format!("{category}/unconfirmed") };
        if !all.contains(&id) {
            all.push(id);
        }
    }
    all
}

/// What the sources of a category want: the first that wants anything; to be asked over TCP only if
/// all want that.
fn wanted(id: &str, saying: &[Saying]) -> Wants {
    if !united(saying).iter().any(|united| united == id) {
        return Wants::Nothing;
    }
    wants_of(id.strip_suffix("/unconfirmed").unwrap_or(id), saying)
}

fn wants_of(category: &str, saying: &[Saying]) -> Wants {
    let all = || saying.iter().filter(|one| one.0 == category).map(|one| one.2);
    let only_tcp = all().all(|wants| wants == Wants::Tcp);
    let mut wanting = all().filter(|&wants| wants != Wants::Nothing && (only_tcp || wants != Wants::Tcp));
    wanting.next().unwrap_or(Wants::Nothing)
}

/// What a zone's most specific entry for a name wants; `None` where the zone does not list it.
fn entry(zone: &Zone, name: &str, tcp: bool) -> Option<Wants> {
    let locked = zone.category.starts_with("illegal/");
    let covers = |entry: &&Entry| {
        if entry.below {
            at_or_below(name, entry.name) && name != entry.name
        } else {
            host_itself(name, entry.name)
        }
    };
    let lines = zone.entries.iter().filter(|entry| {
        let line =
            Line { except: false, exact: !entry.below, name: entry.name, only_a: None, pattern: false };
        let slips = entry.wants.is_some() && is_zone_slip(&line, zone.category, entry.below);
        let is_nothing = locked && entry.wants.is_none();
        let is_dropped = slips && !locked;
        let is_for_udp = tcp && entry.wants == Some(Wants::Tcp);
        !is_nothing && !is_dropped && !is_for_udp
    });
    lines.filter(covers).max_by_key(|entry| (entry.name.split('.').count(), !entry.below))?.wants
}

/// As [`is_slip`]; but what stands only below a must-open name that is itself no subtree is meant.
fn is_zone_slip(line: &Line, category: &str, below: bool) -> bool {
    if !below {
        return is_slip(line, category);
    }
    let meant_below = ["ads", "tracking", "malware", "scams"].contains(&category);
    MUST_OPEN_ASKED.iter().any(|&row| {
        let (row, subtree) = row.strip_prefix("*.").map_or((row, false), |top| (top, true));
        let above = STRICT.contains(&category) && row != line.name && at_or_below(row, line.name);
        let door = line.name.strip_prefix("www.") == Some(row);
        above
            || (subtree && (line.name == row || door))
            || (subtree && !meant_below && at_or_below(line.name, row))
    }) || SHARED_ASKED.contains(&line.name)
}

/// Whether a pattern finds a name that the guard holds open, whatever its category.
fn is_pattern_slip(line: &Line) -> bool {
    MUST_OPEN_ASKED.iter().any(|&row| match row.strip_prefix("*.") {
        Some(top) => finds(line, top) || finds(line, &format!("www.{top}")),
        None => finds(line, row),
    }) || SHARED_ASKED.iter().any(|row| finds(line, row))
}

fn finds(line: &Line, name: &str) -> bool {
    if line.exact { name == line.name } else { at_or_below(name, line.name) }
}

/// Whether a source puts a name in its category: its most specific line for the type decides, and
/// patterns where no line of a name does. Exceptions are no lines of locked sources.
fn lists(feed: &Feed, name: &str, is_a: bool) -> bool {
    let locked = feed.category.starts_with("illegal/");
    let lines = || {
        let lines = feed.lines.iter().filter(|line| !(locked && line.except));
        lines.filter(|line| line.only_a.is_none_or(|only_a| only_a == is_a))
    };
    let names = lines().filter(|line| !line.pattern);
    let names = names.filter(|line| locked || line.except || !is_slip(line, feed.category));
    let covers = |line: &&Line| {
        if line.exact { host_itself(name, line.name) } else { at_or_below(name, line.name) }
    };
    let best =
        names.filter(covers).max_by_key(|line| (line.name.split('.').count(), line.exact, line.except));
    if let Some(line) = best {
        return !line.except;
    }
    let patterns = lines().filter(|line| line.pattern && finds(line, name));
    let patterns: Vec<&Line> =
        patterns.filter(|line| locked || line.except || !is_pattern_slip(line)).collect();
    !patterns.is_empty() && patterns.iter().all(|line| !line.except)
}
