//! What a document becomes: presets, starter lists, warnings.

use policy::{PRESETS, School, Snapshot, Verb, World};

use crate::stage::{index, list, school};

#[test]
fn without_configuration_three_networks_have_three_policies() {
    let built_in = School::built_in();
    let networks = built_in.networks().iter().map(|network| built_in.policy(network.policy).id.as_str());
    assert_eq!(networks.collect::<Vec<_>>(), ["ks2", "staff", "guest"]);
    let (catalogue, starter) = built_in.sources().split_last().unwrap();
    assert_eq!(starter, blocklists::starter::starter_sources());
    assert!(blocklists::services::is_catalogue(catalogue));
    assert!(PRESETS.iter().all(|id| built_in.policy_number(id).is_some()));
}

#[test]
fn a_policy_may_replace_a_preset_and_extend_it() {
    let toml = "[[policy]]\nid = \"ks2\"\nextends = \"ks2\"\n[policy.categories]\nai = \"watch\"\n\
        [[policy]]\nid = \"year6\"\nextends = \"ks2\"\nyoutube = \"moderate\"\n";
    let (school, _) = school(toml, &[], &[]);
    let verb = |policy: &str, category: &str| {
        let number = school.policy_number(policy).unwrap();
        school.policy(number).verb(&blocklists::category::CategoryId::new(category).unwrap())
    };
    assert_eq!(
        (verb("ks2", "ai"), verb("year6", "ai"), verb("ks1", "ai")),
        (Verb::Watch, Verb::Watch, Verb::Block)
    );
    assert_eq!(verb("year6", "video"), Verb::Ask);
    assert_eq!(school.policies().iter().filter(|policy| policy.id == "ks2").count(), 1);
}

#[test]
fn what_is_overridden_is_said_but_valid() {
    let toml = "[essentials]\nnames = [\"bad.example\"]\n[[policy]]\nid = \"p\"\n[policy.categories]\n\"illegal/csam\" = \"watch\"\n\
        \"adult/unconfirmed\" = \"seal\"\n[[policy]]\nid = \"empty\"\n\
        [[policy.rule]]\naction = \"allow\"\nname = \"bad.example\"\n[[policy.rule]]\naction = \"allow\"\nname = \"worse.example\"\n\
        [[policy.rule]]\naction = \"allow\"\nname = \"twice.example\"\n[[policy.rule]]\naction = \"block\"\nname = \"twice.example\"\n\
        [[device]]\nid = \"tablet\"\nmatch = [\"02:00:5e:10:00:01\"]\n";
    let lists = [list("adult", &["||bad.example^"]), list("illegal/other", &["||worse.example^"])];
    let (school, warnings) = school(toml, &lists, &[]);
    for start in [
        "policy `p` gives illegal/csam the verb `watch`, but it is locked",
        "policy `p` seals adult/unconfirmed, which one list alone can fill",
        "policy `empty` names no categories and extends nothing",
        "policy `empty` both allows and blocks twice.example: it is blocked",
        "device `tablet` has no IP address",
        "no [[network]] is declared: every client is `unknown`",
    ] {
        assert!(warnings.iter().any(|warning| warning.starts_with(start)), "{start}: {warnings:?}");
    }
    let snapshot = Snapshot::build(&school, &World::default(), index(&school, &lists));
    assert_eq!(
        snapshot.warnings(),
        [
            "policy `empty`: the rule that allows bad.example has no effect: the name is in adult, which is sealed",
            "policy `empty`: the rule that allows worse.example has no effect: the name is in a locked category",
        ]
    );
}

#[test]
fn an_approved_list_with_bad_lines_opens_the_good_ones_and_says_so() {
    let toml = "[[approved]]\nid = \"a\"\npath = \"a.txt\"\nclears = [\"games\"]\npolicies = [\"ks2\"]\n";
    let (school, warnings) =
        school(toml, &[], &[("a.txt", "\u{feff}good.example\n\nhttp://bad\n=one.example # fine\n")]);
    assert_eq!(school.approved()[0].names.len(), 2);
    assert_eq!(
        warnings[0],
        "a.txt, line 3: no name to approve: the name has a character that host names do not have"
    );
}

#[test]
fn corrections_are_for_all_policies_at_once() {
    let toml = "[[correction]]\nname = \"maths.example\"\ncategory = \"games\"\naction = \"remove\"\nreason = \"times tables\"\n\
        [[correction]]\nname = \"=new.example\"\ncategory = \"illegal/csam\"\naction = \"add\"\n\
        [[correction]]\nname = \"=maths.example\"\ncategory = \"games\"\naction = \"add\"\n";
    let (school, _) = school(toml, &[], &[]);
    let said: Vec<_> = school
        .corrections()
        .iter()
        .map(|one| (one.name.to_string(), one.exact, one.category.to_string(), one.into))
        .collect();
    assert_eq!(
        said,
        [
            ("maths.example".to_owned(), false, "games".to_owned(), false),
            ("new.example".to_owned(), true, "illegal/csam".to_owned(), true),
            ("maths.example".to_owned(), true, "games".to_owned(), true),
        ]
    );
}
