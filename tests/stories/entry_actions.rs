//! Entries of lists that say more than a name: how a block is answered, for which types, by what
//! pattern, and by whose address. Whether a name is blocked stays with the policy.

use crate::actors::{Plan, Pupil, Question, Reply, School, Transport, Upstream};
use std::sync::{Arc, Mutex, Weak};

const ZONE: &str = "$TTL 60
@ SOA localhost. root.localhost. 1 3600 600 86400 60
@ NS localhost.
nx.example CNAME .
*.nx.example CNAME .
open.nx.example CNAME rpz-passthru.
alone.example CNAME .
nodata.example CNAME *.
drop.example CNAME rpz-drop.
tcp.example CNAME rpz-tcp-only.
data.example A 192.0.2.7
data.example A 192.0.2.8
data.example TXT \"why\"
walled.example CNAME garden.example.
prefixed.example CNAME *.garden.example.
to-casino.example CNAME www.casino.example.
to-nowhere.example CNAME broken.example.
32.66.100.51.198.rpz-ip CNAME .
32.67.100.51.198.rpz-ip CNAME rpz-drop.
32.68.100.51.198.rpz-ip CNAME rpz-tcp-only.
32.66.0.20.127.rpz-client-ip CNAME rpz-drop.
32.67.0.20.127.rpz-client-ip CNAME .
";

/// The same kinds in categories that pupils never get.
const LOCKED: &str = "$TTL 60
@ SOA localhost. root.localhost. 1 3600 600 86400 60
drop.bad.example CNAME rpz-drop.
tcp.bad.example CNAME rpz-tcp-only.
data.bad.example A 192.0.2.7
pass.bad.example CNAME .
pass.bad.example CNAME rpz-passthru.
";

const RULES: &str = "/^win[0-9]+\\.slots\\./
||lucky*.wild.example^
||typed.example^$dnstype=A
||shut.example^$denyallow=fine.shut.example
@@||kept.wild.example^
||casino.example^
";

const POLICY: &str = r#"
version = 1
timezone = "Europe/London"
[[source]]
id = "zone"
category = "scams"
format = "rpz"
path = "zone.rpz"
trust = "core"
[[source]]
id = "own-style"
category = "piracy"
format = "rpz"
path = "plain.rpz"
actions = "policy"
[[source]]
id = "locked"
category = "illegal/other"
format = "rpz"
path = "locked.rpz"
[[source]]
id = "sealed"
category = "adult"
format = "rpz"
path = "locked.rpz"
trust = "core"
[[source]]
id = "rules"
category = "gambling"
format = "adblock"
path = "rules.txt"
[[policy]]
id = "pupils"
extends = "ks2"
[policy.categories]
scams = "block"
piracy = "block"
gambling = "block"
[[policy]]
id = "lab"
extends = "ks2"
[policy.categories]
scams = "watch"
[[network]]
id = "pupils"
subnets = ["127.20.0.0/16"]
policy = "pupils"
[[network]]
id = "lab"
subnets = ["127.30.0.0/16"]
policy = "lab"
"#;

struct Scene {
    school: School,
    upstream: Upstream,
}

impl Scene {
    fn pupil(&self) -> Pupil {
        self.school.pupil("127.20.0.5")
    }

    fn lab(&self) -> Pupil {
        self.school.pupil("127.30.0.5")
    }
}

/// Opened by the first story that comes.
fn scene() -> Arc<Scene> {
    static SHARED: Mutex<Weak<Scene>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(scene) = shared.upgrade() {
        return scene;
    }
    let upstream = Upstream::start();
    upstream.has(
        "garden.example A 203.0.113.9
         prefixed.example.garden.example A 203.0.113.10
         www.typed.example AAAA 2001:db8::5
         typed.example AAAA 2001:db8::6
         answers-nx.example A 198.51.100.66
         answers-drop.example A 198.51.100.67
         answers-tcp.example A 198.51.100.68
         hinted.example HTTPS 1 . ipv4hint=198.51.100.66
         translated.example AAAA 64:ff9b::198.51.100.66",
    );
    upstream.is(crate::actors::Mood::Refused, "broken.example");
    let school = Plan::new()
        .policy(POLICY)
        .forwards_to(&upstream)
        .file("zone.rpz", ZONE)
        .file("plain.rpz", "$TTL 60\n@ SOA . . 1 1 1 1 1\nplain-drop.example CNAME rpz-drop.\n")
        .file("locked.rpz", LOCKED)
        .file("rules.txt", RULES)
        .open();
    let scene = Arc::new(Scene { school, upstream });
    *shared = Arc::downgrade(&scene);
    scene
}

fn over_tcp(pupil: &Pupil, name: &str) -> Reply {
    pupil.send(Transport::Tcp, &Question::new(name, "A"))
}

fn is_silent(pupil: &Pupil, transport: Transport, name: &str) -> bool {
    // What the box answers itself, and what it has to ask for: an answer would come before the last.
    let behind = ["localhost", "behind.example.org", "further-behind.example.org"];
    pupil.hears_nothing(transport, &Question::new(name, "A").bytes(), &behind)
}

const TRUNCATED: u16 = 0x200;

#[test]
fn an_entry_says_how_its_block_is_answered() {
    let scene = scene();
    let pupil = scene.pupil();
    for (name, rtype, expected) in [
        ("nx.example", "A", "NODATA"),
        ("x.nx.example", "A", "NXDOMAIN"),
        ("open.nx.example", "A", "A 198.51.100.7"),
        ("alone.example", "A", "NODATA"),
        ("nodata.example", "A", "NODATA"),
        ("data.example", "A", "A 192.0.2.7 / A 192.0.2.8"),
        ("data.example", "AAAA", "NODATA"),
        ("walled.example", "A", "CNAME garden.example / A 203.0.113.9"),
        ("walled.example", "CNAME", "CNAME garden.example"),
        ("prefixed.example", "A", "CNAME prefixed.example.garden.example / A 203.0.113.10"),
        ("to-nowhere.example", "A", "CNAME broken.example"),
        ("plain-drop.example", "A", "NODATA"),
    ] {
        let reply = pupil.ask(name, rtype);
        assert_eq!(reply.said(), expected, "{name} {rtype}");
        let is_open = name == "open.nx.example";
        assert_eq!(reply.extended_errors().iter().any(|error| error.starts_with("15")), !is_open, "{name}");
    }
    assert_eq!(scene.upstream.times_asked("walled.example"), 0);
}

#[test]
fn an_alias_of_a_list_leads_to_nothing_that_is_blocked() {
    let reply = scene().pupil().ask("to-casino.example", "A");
    assert_eq!(reply.said(), "NODATA");
    assert_eq!(reply.extended_errors(), ["15 target gambling"]);
}

#[test]
fn an_entry_that_says_drop_gets_no_answer() {
    let scene = scene();
    assert!(is_silent(&scene.pupil(), Transport::Udp, "drop.example"));
    assert!(is_silent(&scene.pupil(), Transport::Tcp, "drop.example"));
}

#[test]
fn an_entry_that_says_tcp_is_open_over_tcp() {
    let scene = scene();
    let pupil = scene.pupil();
    let reply = pupil.ask("tcp.example", "A");
    assert_eq!((reply.said().as_str(), reply.flags() & TRUNCATED), ("NODATA", TRUNCATED));
    assert_eq!(over_tcp(&pupil, "tcp.example").said(), "A 198.51.100.7");
}

#[test]
fn the_policy_decides_whether_and_the_entry_only_how() {
    let lab = scene().lab();
    for name in ["nx.example", "drop.example", "tcp.example", "data.example", "answers-drop.example"] {
        assert!(lab.ask(name, "A").said().starts_with("A 198.51.100."), "{name}");
    }
}

#[test]
fn nothing_that_an_entry_says_opens_what_is_locked_or_sealed() {
    let scene = scene();
    let pupil = scene.pupil();
    for name in ["drop.bad.example", "tcp.bad.example", "data.bad.example", "pass.bad.example"] {
        for reply in [pupil.ask(name, "A"), over_tcp(&pupil, name)] {
            assert_eq!(reply.extended_errors(), ["16 locked"], "{name}");
            assert_eq!((reply.record_counts()[0], reply.flags() & TRUNCATED), (0, 0), "{name}");
        }
    }
    assert_eq!(scene.upstream.times_asked_below("bad.example"), 0);
}

#[test]
fn an_address_on_a_list_is_blocked_fresh_and_from_the_cache() {
    let scene = scene();
    let pupil = scene.pupil();
    for round in ["fresh", "cached"] {
        for (name, rtype) in
            [("answers-nx.example", "A"), ("hinted.example", "HTTPS"), ("translated.example", "AAAA")]
        {
            let reply = pupil.ask(name, rtype);
            assert_eq!(reply.said(), "NODATA", "{name} {round}");
            assert_eq!(reply.extended_errors(), ["15 target scams"], "{name} {round}");
        }
        assert!(is_silent(&pupil, Transport::Udp, "answers-drop.example"), "{round}");
        assert_eq!(pupil.ask("answers-tcp.example", "A").flags() & TRUNCATED, TRUNCATED, "{round}");
        assert_eq!(over_tcp(&pupil, "answers-tcp.example").said(), "A 198.51.100.68", "{round}");
    }
    assert_eq!(scene.upstream.times_asked("answers-nx.example"), 1);
    assert_eq!(scene.lab().ask("answers-nx.example", "A").said(), "A 198.51.100.66");
}

#[test]
fn a_client_on_a_list_is_treated_so_whatever_it_asks() {
    let scene = scene();
    let [dropped, denied] = ["127.20.0.66", "127.20.0.67"].map(|address| scene.school.pupil(address));
    // What devices need they need all the same, this one too: so that can be asked behind it.
    let asked = Question::new("www.example.org", "A").bytes();
    assert!(dropped.hears_nothing(Transport::Udp, &asked, &["captive.apple.com"]));
    let reply = denied.ask("www.example.org", "A");
    assert_eq!(
        (reply.said().as_str(), reply.extended_errors()),
        ("NXDOMAIN", vec!["15 category scams".to_owned()])
    );
    assert_ne!(denied.ask("captive.apple.com", "A").said(), "NXDOMAIN");
    assert_eq!(scene.pupil().ask("www.example.org", "A").said(), "A 198.51.100.7");
}

#[test]
fn patterns_types_and_spared_names_decide_on_the_wire() {
    let pupil = scene().pupil();
    let told = |name: &str, rtype: &str| {
        let reply = pupil.ask(name, rtype);
        if reply.extended_errors().is_empty() { "open".to_owned() } else { reply.extended_errors().join(" ") }
    };
    for (name, rtype, expected) in [
        ("win77.slots.example", "A", "15 category gambling"),
        ("x.win77.slots.example", "A", "open"),
        ("lucky-7.wild.example", "A", "15 category gambling"),
        ("www.lucky.wild.example", "AAAA", "15 category gambling"),
        ("kept.wild.example", "A", "open"),
        ("typed.example", "A", "15 category gambling"),
        ("typed.example", "AAAA", "open"),
        ("www.typed.example", "AAAA", "open"),
        ("shut.example", "A", "15 category gambling"),
        ("x.shut.example", "A", "15 category gambling"),
        ("fine.shut.example", "A", "open"),
    ] {
        assert_eq!(told(name, rtype), expected, "{name} {rtype}");
    }
    assert_eq!(pupil.ask("typed.example", "A").said(), "NODATA");
}

#[test]
fn explain_names_the_line_and_how_it_is_answered() {
    let scene = scene();
    for (arguments, expected) in [
        (vec!["win77.slots.example"], "listed as /^win[0-9]+"),
        (vec!["typed.example"], "in rules, line 3"),
        (vec!["drop.example"], "no answer"),
        (vec!["www.example.org", "--client", "127.20.0.67"], "its address is on lists: scams"),
    ] {
        let mut all = vec!["explain"];
        all.extend(&arguments);
        if arguments.len() == 1 {
            all.extend(["--client", "127.20.0.5"]);
        }
        all.push("--json");
        let exit = scene.school.run(&all);
        assert!(exit.out.contains(expected), "{arguments:?}: {exit:?}");
    }
}
