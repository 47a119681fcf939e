//! The order of decision in rows: for each step what it does, what beats it, and each tie.

use crate::stage::{List, ask, client, decide, list, name, snapshot, told};
use policy::{BlockStyle, Snapshot, Trace, Verdict, World};

fn check(snapshot: &Snapshot, rows: &[(&str, &str)]) {
    for (asked, expected) in rows {
        assert_eq!(ask(snapshot, asked), *expected, "{asked}");
    }
}

fn policy(keys: &str) -> String {
    format!("[[policy]]\nid = \"p\"\nextends = \"ks2\"\n{keys}\n")
}

fn rules(keys: &str, rules: &[(&str, &str)]) -> String {
    let rules = rules
        .iter()
        .map(|(action, name)| format!("[[policy.rule]]\naction = \"{action}\"\nname = \"{name}\"\n"));
    policy(keys) + &rules.collect::<String>()
}

fn names(texts: &[&str]) -> Vec<blocklists::name::Name> {
    texts.iter().map(|text| name(text)).collect()
}

fn plain(toml: &str, lists: &[List]) -> Snapshot {
    snapshot(toml, lists, &[], &World::default())
}

#[test]
fn locked_beats_everything() {
    let toml = "[essentials]\nnames = [\"bad.example\", \"captive.apple.com\"]\n".to_owned()
        + &rules("", &[("allow", "bad.example")])
        + "[[approved]]\nid = \"a\"\npath = \"a\"\nclears = [\"games\"]\npolicies = [\"p\"]\n";
    let lists = [
        list(
            "illegal/other",
            &[
                "||bad.example^",
                "||captive.apple.com^",
                "||mask.icloud.com^",
                "|only.example^",
                "||bank.local^",
            ],
        ),
        list("games", &["||bad.example^"]),
    ];
    let world = World { local_zones: names(&["bad.example"]), ..World::default() };
    let school = snapshot(&toml, &lists, &[("a", "bad.example\n")], &world);
    check(
        &school,
        &[
            ("bad.example", "block nxdomain locked illegal/other"),
            ("www.bad.example", "block nxdomain locked illegal/other"),
            ("captive.apple.com", "block nxdomain locked illegal/other"),
            ("mask.icloud.com", "block nxdomain locked illegal/other"),
            ("only.example", "block nodata locked illegal/other"),
            ("_443._https.only.example", "block nodata locked illegal/other"),
            ("www.only.example", "allow default"),
            ("bank.local", "block nxdomain locked illegal/other"),
        ],
    );
}

#[test]
fn a_school_may_lock_a_category_of_its_own() {
    let toml =
        rules("", &[("allow", "bad.example")]) + "[[category]]\nid = \"local/banned\"\nlocked = true\n";
    let school = plain(&toml, &[list("local/banned", &["||bad.example^", "@@||fine.bad.example^"])]);
    check(
        &school,
        &[
            ("bad.example", "block nxdomain locked local/banned"),
            ("fine.bad.example", "block nxdomain locked local/banned"),
        ],
    );
}

#[test]
fn canaries_are_denied_whatever_the_policy() {
    let toml =
        rules("default = \"allow\"", &[("allow", "mask.icloud.com"), ("allow", "use-application-dns.net")]);
    let school = plain(&toml, &[]);
    check(
        &school,
        &[
            ("use-application-dns.net", "block nxdomain canary"),
            ("mask.icloud.com", "block nxdomain canary"),
            ("x.mask-h2.icloud.com", "block nxdomain canary"),
            ("mask-canary.icloud.com", "block nxdomain canary"),
            ("doh.dns.apple.com", "block nxdomain canary"),
            ("_dns.resolver.arpa", "block nodata canary"),
            ("resolver.arpa", "block nodata canary"),
            ("icloud.com", "allow default"),
        ],
    );
}

#[test]
fn core_names_beat_seals_rules_and_lists() {
    let toml = rules("default = \"block\"", &[("block", "time.cloudflare.com")]);
    let lists = [list("adult", &["||time.cloudflare.com^", "||unknown.example^"])];
    let school = plain(&toml, &lists);
    check(
        &school,
        &[
            ("time.cloudflare.com", "allow core"),
            ("x.time.cloudflare.com", "block nxdomain sealed adult"),
            ("unknown.example", "block nxdomain sealed adult"),
        ],
    );
}

#[test]
fn the_schools_own_names_are_local_unless_sealed_or_the_policy_says_no() {
    let world = World {
        local_zones: names(&["school.example", "corp.internal"]),
        local_records: names(&["printer.lan.example", "printer"]),
        ..World::default()
    };
    let lists = [list("gambling", &["||school.example^"]), list("malware", &["||bad.school.example^"])];
    let school = snapshot(&policy(""), &lists, &[], &world);
    check(
        &school,
        &[
            ("www.school.example", "local local"),
            ("bad.school.example", "block nxdomain sealed malware"),
            ("printer.lan.example", "local local"),
            ("x.printer.lan.example", "allow default"),
            ("printer", "local local"),
            ("a.corp.internal", "local local"),
            ("internal", "block nodata local-name"),
        ],
    );
    let guest = snapshot(&policy("local = false"), &lists, &[], &world);
    check(
        &guest,
        &[
            ("www.school.example", "block nxdomain category gambling"),
            ("printer.lan.example", "allow default"),
            ("printer", "block nxdomain local-name"),
            ("a.corp.internal", "block nxdomain local-name"),
        ],
    );
}

#[test]
fn no_rule_essential_or_approved_list_opens_a_seal() {
    let toml = "[essentials]\nnames = [\"sealed.example\"]\n".to_owned()
        + &rules("", &[("allow", "sealed.example")])
        + "[[approved]]\nid = \"a\"\npath = \"a\"\nclears = [\"adult\"]\npolicies = [\"p\"]\n";
    let lists = [list("adult", &["||sealed.example^", "@@||fine.sealed.example^", "|one.example^"])];
    let school = snapshot(&toml, &lists, &[("a", "sealed.example")], &World::default());
    check(
        &school,
        &[
            ("sealed.example", "block nodata sealed adult"),
            ("www.sealed.example", "block nxdomain sealed adult"),
            ("fine.sealed.example", "allow rule"),
            ("one.example", "block nodata sealed adult"),
        ],
    );
}

#[test]
fn one_ordinary_list_blocks_but_does_not_seal() {
    let lists = [List { trust: "normal", ..list("adult", &["||maybe.example^"]) }];
    let school = plain(&rules("", &[("allow", "ok.maybe.example")]), &lists);
    check(
        &school,
        &[("maybe.example", "block nodata category adult/unconfirmed"), ("ok.maybe.example", "allow rule")],
    );
}

#[test]
fn the_most_specific_rule_wins_and_block_beats_allow_on_a_tie() {
    let toml = rules(
        "",
        &[
            ("block", "site.example"),
            ("allow", "good.site.example"),
            ("block", "=bad.good.site.example"),
            ("allow", "tie.example"),
            ("block", "tie.example"),
            ("block", "half.example"),
            ("allow", "=half.example"),
            ("block", "=alone.example"),
            ("allow", "bets.example"),
        ],
    );
    let school = plain(&toml, &[list("gambling", &["||bets.example^"])]);
    check(
        &school,
        &[
            ("site.example", "block nodata rule"),
            ("x.site.example", "block nxdomain rule"),
            ("good.site.example", "allow rule"),
            ("bad.good.site.example", "block nodata rule"),
            ("x.bad.good.site.example", "allow rule"),
            ("tie.example", "block nxdomain rule"),
            ("half.example", "allow rule"),
            ("x.half.example", "block nxdomain rule"),
            ("alone.example", "block nodata rule"),
            ("x.alone.example", "allow default"),
            ("www.bets.example", "allow rule"),
        ],
    );
}

#[test]
fn rules_are_taken_along_extends_and_may_be_replaced() {
    let parent = "[[policy]]\nid = \"parent\"\nextends = \"ks2\"\n[[policy.rule]]\naction = \"block\"\nname = \"a.example\"\n\
        [[policy.rule]]\naction = \"block\"\nname = \"b.example\"\n";
    let child = "[[policy]]\nid = \"p\"\nextends = \"parent\"\n[[policy.rule]]\naction = \"allow\"\nname = \"b.example\"\n";
    let school = plain(&format!("{parent}{child}"), &[]);
    check(&school, &[("a.example", "block nxdomain rule"), ("b.example", "allow rule")]);
}

#[test]
fn essentials_clear_lists_and_lose_to_a_human_block() {
    let toml = "[essentials]\nnames = [\"learn.example\", \"*.mis.example\", \"no.example\"]\n".to_owned()
        + &rules("default = \"block\"", &[("block", "no.example")]);
    let school = plain(&toml, &[list("games", &["||learn.example^", "||mis.example^"])]);
    check(
        &school,
        &[
            ("learn.example", "allow essential"),
            ("_443._https.learn.example", "allow essential"),
            ("x.learn.example", "block nxdomain category games"),
            ("mis.example", "allow essential"),
            ("x.mis.example", "allow essential"),
            ("no.example", "block nxdomain rule"),
        ],
    );
}

#[test]
fn approved_lists_clear_their_categories_only_where_they_hold() {
    let list_of = |policies: &str| {
        format!(
            "[[approved]]\nid = \"county\"\npath = \"a\"\nclears = [\"games\", \"video\"]\npolicies = [\"{policies}\"]\n"
        )
    };
    let lists = [
        list("games", &["||play.example^", "||both.example^"]),
        list("gambling", &["||both.example^"]),
        list("off-task", &["||play.example^"]),
    ];
    let files = [("a", "# fine\nplay.example # maths\n=both.example\n")];
    let school = snapshot(&(policy("") + &list_of("p")), &lists, &files, &World::default());
    check(
        &school,
        &[
            ("play.example", "watch category off-task"),
            ("www.play.example", "watch category off-task"),
            ("both.example", "block nxdomain category gambling"),
        ],
    );
    let elsewhere = snapshot(&(policy("") + &list_of("ks1")), &lists, &files, &World::default());
    check(&elsewhere, &[("play.example", "block nxdomain category games")]);
    let walled =
        snapshot(&(policy("default = \"block\"") + &list_of("p")), &lists[..2], &files, &World::default());
    check(&walled, &[("play.example", "allow approved"), ("other.example", "block nxdomain default")]);
}

#[test]
fn a_block_of_one_name_does_not_deny_what_an_approved_list_opens_below() {
    let toml =
        policy("") + "[[approved]]\nid = \"a\"\npath = \"a\"\nclears = [\"games\"]\npolicies = [\"p\"]\n";
    let lists = [list("games", &["||mix.example^"]), list("gambling", &["|mix.example^"])];
    let school = snapshot(&toml, &lists, &[("a", "mix.example")], &World::default());
    check(&school, &[("mix.example", "block nodata category gambling"), ("x.mix.example", "allow approved")]);
}

#[test]
fn the_strictest_verb_of_the_categories_wins() {
    let toml = policy(
        "[policy.categories]\nsocial = \"ask\"\ngames = \"times\"\nvideo = \"watch\"\nai = \"allow\"\nshopping = \"block\"",
    );
    let lists = [
        list("social", &["||s.example^", "||sv.example^", "||sg.example^", "||sb.example^"]),
        list("games", &["||g.example^", "||sg.example^"]),
        list("video", &["||v.example^", "||sv.example^", "||va.example^"]),
        list("ai", &["||a.example^", "||va.example^"]),
        list("shopping", &["||sb.example^"]),
        list("local/own", &["||own.example^"]),
    ];
    let school = plain(&toml, &lists);
    check(
        &school,
        &[
            ("s.example", "block nxdomain category social"),
            ("g.example", "block nxdomain category games"),
            ("v.example", "watch category video"),
            ("a.example", "allow category ai"),
            ("va.example", "watch category video"),
            ("sv.example", "block nxdomain category social"),
            ("sg.example", "block nxdomain category social"),
            ("sb.example", "block nxdomain category shopping"),
            ("own.example", "block nxdomain category local/own"),
        ],
    );
    for (asked, seconds) in [("s.example", 5), ("g.example", 5), ("sb.example", 30), ("v.example", 300)] {
        assert_eq!(decide(&school, "10.1.1.1", asked).ttl_cap, seconds, "{asked}");
    }
}

#[test]
fn a_walled_garden_opens_only_what_somebody_opened() {
    let school = plain(
        &rules("default = \"block\"", &[("allow", "a.b.example")]),
        &[list("off-task", &["||news.example^"])],
    );
    check(
        &school,
        &[
            ("a.b.example", "allow rule"),
            ("b.example", "block nodata default"),
            ("other.example", "block nodata default"),
            ("news.example", "watch category off-task"),
        ],
    );
    let kiosk =
        plain("[[policy]]\nid = \"p\"\nextends = \"kiosk\"\n", &[list("off-task", &["||news.example^"])]);
    check(
        &kiosk,
        &[("news.example", "block nxdomain category off-task"), ("other.example", "block nxdomain default")],
    );
}

#[test]
fn names_of_this_network_never_leave_it() {
    let world = World { forward_zones: names(&["ad.local", "1.10.in-addr.arpa"]), ..World::default() };
    let school = snapshot(&rules("", &[("allow", "x.local")]), &[], &[], &world);
    check(
        &school,
        &[
            ("localhost", "loopback local-name"),
            ("a.localhost", "loopback local-name"),
            ("x.local", "block nxdomain local-name"),
            ("local", "block nodata local-name"),
            ("ad.local", "allow default"),
            ("dc.ad.local", "allow default"),
            ("x.onion", "block nxdomain local-name"),
            ("wpad", "block nxdomain local-name"),
            ("com", "allow default"),
            ("example", "block nxdomain local-name"),
            ("www.example", "allow default"),
            ("ipv4only.arpa", "allow default"),
            ("1.1.168.192.in-addr.arpa", "block nxdomain local-name"),
            ("5.1.10.in-addr.arpa", "allow default"),
            ("5.2.10.in-addr.arpa", "block nxdomain local-name"),
            ("10.in-addr.arpa", "block nodata local-name"),
            ("8.8.8.8.in-addr.arpa", "allow default"),
            (".", "allow default"),
        ],
    );
    assert_eq!(decide(&school, "10.1.1.1", "dc.ad.local").upstream, 1);
    assert_eq!(decide(&school, "10.1.1.1", "5.1.10.in-addr.arpa").upstream, 2);
    assert_eq!(decide(&school, "10.1.1.1", "www.example.org").upstream, 0);
}

#[test]
fn safe_search_rewrites_whatever_allowed_the_host() {
    let toml = "[essentials]\nnames = [\"www.bing.com\"]\n".to_owned()
        + &rules("", &[("allow", "google.com"), ("allow", "search.yahoo.com"), ("allow", "seek.example")]);
    let lists = [
        list("video", &["||youtube.com^"]),
        list("unsafe-search", &["||seek.example^", "||www.google.com^"]),
    ];
    let school = plain(&toml, &lists);
    check(
        &school,
        &[
            ("www.google.com", "rewrite forcesafesearch.google.com safe-search"),
            ("_443._https.www.google.com", "rewrite forcesafesearch.google.com safe-search"),
            ("docs.google.com", "allow rule"),
            ("www.bing.com", "rewrite strict.bing.com safe-search"),
            ("www.youtube.com", "block nxdomain category video"),
            ("search.yahoo.com", "block nxdomain safe-search unsafe-search"),
            ("uk.search.yahoo.com", "block nxdomain safe-search unsafe-search"),
            ("seek.example", "block nxdomain safe-search unsafe-search"),
        ],
    );
    let free = plain(
        &(rules(
            "safe_search = false\nyoutube = \"off\"\nunsafe_search_engines = \"allow\"",
            &[("allow", "search.yahoo.com")],
        )),
        &[],
    );
    check(
        &free,
        &[
            ("www.google.com", "allow essential"),
            ("www.youtube.com", "allow default"),
            ("search.yahoo.com", "allow rule"),
        ],
    );
}

#[test]
fn blocks_are_answered_in_the_policys_style() {
    for (style, expected) in [
        ("nxdomain", BlockStyle::Nxdomain),
        ("nodata", BlockStyle::NoData),
        ("null", BlockStyle::Null),
        ("refused", BlockStyle::Refused),
        ("page", BlockStyle::Page),
    ] {
        let school = plain(
            &policy(&format!("block_answer = \"{style}\"\nmax_ttl = 20")),
            &[list("gambling", &["||bets.example^"])],
        );
        let decision = decide(&school, "10.1.1.1", "bets.example");
        assert_eq!((decision.verdict, decision.ttl_cap), (Verdict::Block(expected), 20));
        assert_eq!(ask(&school, "mask.icloud.com"), "block nxdomain canary");
    }
}

#[test]
fn before_there_is_an_index_only_core_names_are_answered() {
    let waiting = Snapshot::not_ready();
    let client = client(&waiting, "10.1.1.1");
    for (asked, expected) in [("www.example.org", "refuse not-ready"), ("captive.apple.com", "allow core")] {
        let asked = name(asked);
        let decision = waiting.decide(&client, &policy::Question { name: asked.as_ref(), rtype: 1 });
        assert_eq!(told(&waiting, &decision), expected);
    }
}

#[test]
fn a_trace_tells_the_same_story_step_by_step() {
    let school = plain(&rules("", &[("allow", "good.example")]), &[list("games", &["||play.example^"])]);
    for (asked, last) in
        [("play.example", "categories"), ("good.example", "where to ask"), ("www.google.com", "where to ask")]
    {
        let (asked, client) = (name(asked), client(&school, "10.1.1.1"));
        let question = policy::Question { name: asked.as_ref(), rtype: 1 };
        let mut trace = Trace::default();
        assert_eq!(school.decide_traced(&client, &question, &mut trace), school.decide(&client, &question));
        assert_eq!(trace.steps.last().unwrap().name, last);
        assert!(trace.steps.is_sorted_by_key(|step| step.step), "{trace:?}");
        assert_eq!(trace.steps[0].outcome, "network n: policy p");
    }
}

#[test]
fn a_reason_leads_back_to_what_the_school_wrote() {
    let toml = "[essentials]\nnames = [\"*.must.example\"]\n".to_owned()
        + &rules("", &[("block", "site.example")])
        + "[[approved]]\nid = \"a\"\npath = \"a\"\nclears = [\"games\"]\npolicies = [\"p\"]\n";
    let files = [("a", "play.example\n=www.play.example\n")];
    let school = snapshot(&toml, &[list("games", &["||play.example^"])], &files, &World::default());
    for (asked, expected) in [
        ("x.must.example", Some("must.example")),
        ("www.site.example", Some("site.example")),
        ("www.play.example", Some("www.play.example")),
        ("x.play.example", Some("play.example")),
        ("other.example", None),
    ] {
        let reason = decide(&school, "10.1.1.1", asked).reason;
        let matched = school.matched(name(asked).as_ref(), &reason).map(|covered| covered.name.to_string());
        assert_eq!(matched.as_deref(), expected, "{asked}");
    }
}
