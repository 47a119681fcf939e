//! The school that most stories happen in: pupils, staff, guests and a few special rooms, lists of
//! every kind, and an upstream that knows the tricks of names that do not want to be filtered.
//!
//! It is opened once and shared by whatever stories run at the time; the last one to leave closes it.

use std::sync::{Arc, Mutex, Weak};

use crate::actors::{Plan, Pupil, School, Upstream};

/// The shared school and the resolver behind it.
pub struct Scene {
    /// The running program.
    pub school: School,
    /// What it forwards to.
    pub upstream: Upstream,
    /// Where it forwards `ad.school.example`.
    pub directory: Upstream,
}

impl Scene {
    /// A pupil's device (policy `pupils`, a `ks2` with rules).
    pub fn pupil(&self) -> Pupil {
        self.school.pupil("127.20.0.5")
    }

    /// A device of the staff.
    pub fn staff(&self) -> Pupil {
        self.school.pupil("127.30.0.5")
    }

    /// A visitor's device.
    pub fn guest(&self) -> Pupil {
        self.school.pupil("127.90.0.5")
    }

    /// A device in the room with this policy: see the networks of [`POLICY`].
    pub fn in_room(&self, room: u8) -> Pupil {
        self.school.pupil(&format!("127.{room}.0.5"))
    }
}

/// Rooms of the scene by the second number of their addresses.
pub mod room {
    /// Nothing but what is approved.
    pub const WALLED: u8 = 40;
    /// Blocks answer 0.0.0.0 and `::`.
    pub const NULL: u8 = 51;
    /// Blocks answer REFUSED.
    pub const REFUSED: u8 = 52;
    /// Blocks answer the block page's address, of which this school has none.
    pub const PAGE: u8 = 53;
    /// Blocks answer NODATA.
    pub const NODATA: u8 = 54;
    /// HTTPS records are kept whole.
    pub const KEEP: u8 = 55;
    /// HTTPS records are dropped.
    pub const DROP: u8 = 56;
    /// No safe search, no restricted YouTube.
    pub const UNSAFE: u8 = 57;
    /// Answers live for at most 60 s.
    pub const BRIEF: u8 = 58;
    /// In no network at all.
    pub const NOWHERE: u8 = 99;
}

/// The scene, opened by the first who comes.
pub fn scene() -> Arc<Scene> {
    static SHARED: Mutex<Weak<Scene>> = Mutex::new(Weak::new());
    // A story that failed while it held the lock has left nothing half done.
    let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(scene) = shared.upgrade() {
        return scene;
    }
    let scene = Arc::new(open());
    *shared = Arc::downgrade(&scene);
    scene
}

fn open() -> Scene {
    let (upstream, directory) = (Upstream::start(), Upstream::start());
    upstream.has(RECORDS);
    directory.has("dc.ad.school.example A 10.0.0.10");
    let school = plan().forwards_to(&upstream).upstream(&format!(
        "rebind_allow = [\"ad.school.example\", \"intranet.example\"]\n[[upstream.zone]]\nname = \"ad.school.example\"\nservers = [\"{}\"]\n",
        directory.url()
    ));
    Scene { school: school.open(), upstream, directory }
}

/// The scene's files, for stories that open a school of their own.
pub fn plan() -> Plan {
    let lists = LISTS.iter().fold(Plan::new(), |plan, (path, text)| plan.file(path, text));
    lists.policy(&policy()).tables(LOCAL).file("zones/labs.zone", LABS)
}

/// The whole policy document.
pub fn policy() -> String {
    let sources: String = LISTS.iter().filter_map(|(path, _)| source(path)).collect();
    let rooms: String = ROOMS.iter().map(|(room, id, keys)| {
        format!("[[policy]]\nid = \"{id}\"\ntitle = \"{id}\"\nextends = \"ks2\"\n{keys}\n[[network]]\nid = \"{id}-room\"\nsubnets = [\"127.{room}.0.0/16\"]\npolicy = \"{id}\"\n")
    }).collect();
    format!("version = 1\ntimezone = \"Europe/London\"\n{sources}{POLICY}{rooms}")
}

/// `lists/<category>.<trust>.<format>`, with `+` for the slash of a category.
fn source(path: &str) -> Option<String> {
    let mut parts = path.strip_prefix("lists/")?.split('.');
    let (category, trust, format) = (parts.next()?.replace('+', "/"), parts.next()?, parts.next()?);
    let id = format!("{}-{trust}-{format}", category.replace('/', "-"));
    Some(format!(
        "[[source]]\nid = \"{id}\"\ncategory = \"{category}\"\nformat = \"{format}\"\npath = \"{path}\"\ntrust = \"{trust}\"\n"
    ))
}

/// Every list of the scene.
const LISTS: [(&str, &str); 16] = [
    (
        "lists/illegal+csam.core.domains",
        "locked.example\nlocked-essential.example\nlocked-approved.example\n",
    ),
    (
        "lists/adult.core.domains",
        "adult.example\nadult-essential.example\nadult-approved.example\nadult-printer.school.example\n",
    ),
    ("lists/adult.normal.domains", "said-once.example\nadult.example\n"),
    (
        "lists/gambling.normal.domains",
        "# UK\ncasino.example\npoker.example # inline\nessential-casino.example\nlocked.example\n*.star.example\nbig-casino.example\nboth.example\nxn--caf-dma.example\nbets.mis.example\n",
    ),
    ("lists/games.normal.domains", "games.example\nchess.example\nboth.example\n"),
    ("lists/video.normal.domains", "video.example\n"),
    ("lists/social.normal.domains", "social.example\n"),
    ("lists/blogs-educational.normal.domains", "class-blog.example\n"),
    ("lists/ads.normal.domains", "ads.example\n"),
    (
        "lists/ads.extra.hosts",
        "127.0.0.1 localhost\n0.0.0.0 exact-ads.example more-ads.example\n0.0.0.0 *.below-only.example\n192.0.2.1 not-a-block.example\n",
    ),
    (
        "lists/scams.normal.adblock",
        "! title\n||scam.example^\n@@||honest.scam.example^\n|exact-scam.example^\n||hot.example^\n@@||hot.example^\n||hard.example^$important\n@@||hard.example^\n",
    ),
    ("lists/malware.core.domains", "malware.example\n"),
    ("lists/bypass.core.domains", "tunnel.example\n"),
    ("lists/local+board-games.normal.domains", "board-games.example\n"),
    ("lists/unsafe-search.normal.domains", "strange-search.example\n"),
    ("approved.txt", "chess.example\nboth.example\nlocked-approved.example\nadult-approved.example\n"),
];

/// Who gets what.
const POLICY: &str = r#"
[[category]]
id = "local/board-games"
title = "Board game shops"

[[approved]]
id = "county-approved"
path = "approved.txt"
clears = ["games", "video"]
policies = ["pupils"]

[essentials]
names = ["learning.example", "essential-casino.example", "refused-essential.example", "adult-essential.example", "locked-essential.example", "*.mis.example", "only-apex.example", "tables.school-maths.example"]

[[policy]]
id = "pupils"
title = "Pupils"
extends = "ks2"
[policy.categories]
"local/board-games" = "block"
[[policy.rule]]
action = "allow"
name = "museum.casino.example"
reason = "history of chance"
[[policy.rule]]
action = "allow"
name = "=alone.casino.example"
reason = "this name only"
[[policy.rule]]
action = "allow"
name = "locked.example"
reason = "a mistake: locked stays locked"
[[policy.rule]]
action = "allow"
name = "adult.example"
reason = "a mistake: sealed stays sealed"
[[policy.rule]]
action = "allow"
name = "said-once.example"
reason = "one list alone is not sure"
[[policy.rule]]
action = "block"
name = "news.example"
reason = "not in lessons"
[[policy.rule]]
action = "allow"
name = "sport.news.example"
reason = "for PE"
[[policy.rule]]
action = "block"
name = "tabloid.sport.news.example"
reason = "not even for PE"
[[policy.rule]]
action = "block"
name = "=exact-rule.example"
reason = "the front page only"
[[policy.rule]]
action = "allow"
name = "tie.example"
reason = "one says yes"
[[policy.rule]]
action = "block"
name = "tie.example"
reason = "one says no"
[[policy.rule]]
action = "block"
name = "refused-essential.example"
reason = "a person said no"
[[policy.rule]]
action = "allow"
name = "cloaked-but-allowed.example"
reason = "the theatre needs its tickets"
[[policy.rule]]
action = "allow"
name = "sealed-behind-a-rule.example"
reason = "opens the name, not what is sealed behind it"
[[policy.rule]]
action = "allow"
name = "locked-behind-a-rule.example"
reason = "opens the name, not what is locked behind it"
[[policy.rule]]
action = "block"
name = "cdn-of-trouble.example"
reason = "a human says so"

[[network]]
id = "pupils"
subnets = ["127.20.0.0/16", "::1/128"]
policy = "pupils"
[[network]]
id = "asked-there"
listen = ["127.0.0.77"]
policy = "guest"
[[network]]
id = "ict-suite"
subnets = ["127.20.8.0/24"]
policy = "ks1"
[[network]]
id = "staff"
subnets = ["127.30.0.0/16"]
policy = "staff"
[[network]]
id = "guests"
subnets = ["127.90.0.0/16"]
policy = "guest"

[[policy]]
id = "year6"
title = "Year 6"
extends = "pupils"
[policy.categories]
messaging = "block"
[[policy.rule]]
action = "block"
name = "year6-only.example"
reason = "a quiet term"
[[group]]
id = "year6-ipads"
devices = ["ipad-07"]
policy = "year6"
[[device]]
id = "ipad-07"
match = ["127.20.3.7"]
networks = ["pupils"]
[[device]]
id = "borrowed"
match = ["127.20.9.9"]
policy = "staff"
"#;

/// Rooms: second number of the address, policy, what is special about it.
const ROOMS: [(u8, &str, &str); 9] = [
    (
        room::WALLED,
        "walled",
        "default = \"block\"\n[[policy.rule]]\naction = \"allow\"\nname = \"encyclopedia.example\"\nreason = \"homework\"",
    ),
    (room::NULL, "null", "block_answer = \"null\""),
    (room::REFUSED, "refused", "block_answer = \"refused\""),
    (room::PAGE, "page", "block_answer = \"page\""),
    (room::NODATA, "nodata", "block_answer = \"nodata\""),
    (room::KEEP, "keep", "https_records = \"keep\""),
    (room::DROP, "drop", "https_records = \"drop\""),
    (room::UNSAFE, "unsafe", "safe_search = false\nyoutube = \"off\"\nunsafe_search_engines = \"allow\""),
    (room::BRIEF, "brief", "max_ttl = 60"),
];

/// Names that the box answers itself.
const LOCAL: &str = r#"
[[local.record]]
name = "printer.school.example"
type = "A"
value = "10.0.0.20"
[[local.record]]
name = "copier.school.example"
type = "A"
value = "10.0.0.22"
[[local.record]]
name = "adult-printer.school.example"
type = "A"
value = "10.0.0.21"
[[local.zone]]
file = "zones/labs.zone"
"#;

const LABS: &str = "$ORIGIN labs.school.example.\n$TTL 600\n@ IN SOA ns.labs.school.example. hostmaster.labs.school.example. 1 7200 900 86400 120\n@ IN NS ns.labs.school.example.\nns IN A 10.0.1.1\nmicroscope IN A 10.0.1.2\nscope IN CNAME microscope\n";

/// What the upstream knows.
const RECORDS: &str = "
shop.example A 198.51.100.20
shop.example AAAA 2001:db8::20
shop.example HTTPS 1 . alpn=h2,h3 ipv4hint=198.51.100.20
shop.example SVCB 1 . alpn=h2 port=443
shop.example TXT v=spf1
shop.example MX 10 mail.shop.example
shop.example NS ns.shop.example
shop.example DS 12345
to-ads.example CNAME track.ads.example
to-ads-late.example CNAME hop1.example
hop1.example CNAME hop2.example
hop2.example CNAME deep.ads.example
to-locked.example CNAME cdn.locked.example
to-adult.example CNAME cdn.adult.example
to-malware.example CNAME cdn.malware.example
to-casino.example CNAME cdn.casino.example
to-games.example CNAME cdn.games.example
to-video.example CNAME cdn.video.example
to-trouble.example CNAME x.cdn-of-trouble.example
dname.example DNAME below.ads.example
good-dname.example DNAME shop.example
cloaked-but-allowed.example CNAME tickets.ads.example
sealed-behind-a-rule.example CNAME cdn.adult.example
locked-behind-a-rule.example CNAME cdn.locked.example
learning.example CNAME stats.ads.example
svcb-to-ads.example HTTPS 1 svc.ads.example alpn=h2
svcb-to-ads.example SVCB 1 svc.ads.example alpn=h2
svcb-alias.example HTTPS 0 svc.ads.example
mx-to-ads.example MX 10 mail.ads.example
rebind.example A 10.0.0.1
rebind.example AAAA fd00::1
rebind-mapped.example AAAA ::ffff:192.168.0.1
rebind-nat64.example AAAA 64:ff9b::a00:1
rebind-mixed.example A 192.168.1.1
rebind-mixed.example A 198.51.100.30
rebind-loopback.example A 127.0.0.1
rebind-link.example A 169.254.1.1
rebind-shared.example A 100.64.0.1
rebind-hint.example HTTPS 1 . alpn=h2 ipv4hint=10.0.0.1,198.51.100.31 ipv6hint=fd00::1
rebind-alias.example CNAME rebind-target.example
rebind-target.example A 172.16.0.1
wiki.intranet.example A 10.0.0.30
ech.example A 198.51.100.41
ech.example HTTPS 1 . alpn=h2,h3 ipv4hint=198.51.100.40 ech=secret-key-config
ech-mandatory.example HTTPS 1 . mandatory=alpn,ech alpn=h2 ech=secret-key-config
ech-only.example SVCB 1 svc.ech-only.example mandatory=ech ech=secret-key-config
long.example 86400 A 198.51.100.50
short.example 17 A 198.51.100.51
forcesafesearch.google.com A 216.239.38.120
forcesafesearch.google.com AAAA 2001:4860:4802:32::78
strict.bing.com A 204.79.197.220
safe.duckduckgo.com A 198.51.100.61
restrict.youtube.com A 216.239.38.120
restrict.youtube.com AAAA 2001:4860:4802:32::78
restrictmoderate.youtube.com A 216.239.38.119
safesearch.pixabay.com A 198.51.100.62
strict-safe-search.ecosia.org A 198.51.100.63
";
