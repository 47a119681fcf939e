//! `decide` against a slow, separately written spec of design section 5, over random schools, lists
//! and questions; and what must hold for all of them.

mod draft;
mod slow;

use std::sync::{Arc, LazyLock};

use blocklists::index::Index;
use blocklists::name::Name;
use draft::{ASKED, Draft, draft};
use policy::{
    BlockStyle, Client, Decision, Hop, Inspection, Question, ReasonId, School, Snapshot, Verdict, Waiver,
    World, compare,
};
use proptest::prelude::*;

use crate::stage::{client, index, name, school};

/// A client of `p`, a client of `q`.
const CLIENTS: [&str; 2] = ["10.1.0.1", "10.2.0.1"];

fn build(draft: &Draft) -> Snapshot {
    let lists = draft.lists();
    let file = draft.approved_file();
    let (school, _) = school(&draft.toml(), &lists, &[("list", &file)]);
    let all = |texts: &[&str]| texts.iter().map(|text| name(text)).collect();
    let world = World {
        local_zones: all(&draft.zones),
        local_records: all(&draft.records),
        forward_zones: all(&draft.forwards),
        ..World::default()
    };
    Snapshot::build(&school, &world, index(&school, &lists))
}

fn word(decision: &Decision) -> &'static str {
    match decision.verdict {
        Verdict::Allow => "allow",
        Verdict::Watch => "watch",
        Verdict::Block(BlockStyle::Drop) => "drop",
        Verdict::Block(BlockStyle::TcpOnly) => "truncate",
        Verdict::Block(BlockStyle::Data(_)) => "data",
        Verdict::Block(_) => "block",
        Verdict::Rewrite(_) => "rewrite",
        Verdict::Local => "local",
        Verdict::Loopback => "loopback",
        Verdict::Refuse => "refuse",
    }
}

/// Every name that is asked, with its decision.
type Decided = Vec<(Name, Decision)>;

/// A and AAAA, over UDP and over TCP.
const WAYS: [(u16, bool); 4] = [(1, false), (28, false), (1, true), (28, true)];

fn decided(snapshot: &Snapshot, source: &str, (rtype, stream): (u16, bool)) -> Decided {
    static NAMES: LazyLock<Vec<Name>> = LazyLock::new(|| ASKED.map(name).to_vec());
    let client = Client { stream, ..client(snapshot, source) };
    let decide = |name: &Name| snapshot.decide(&client, &Question { name: name.as_ref(), rtype });
    NAMES.iter().map(|name| (name.clone(), decide(name))).collect()
}

/// NXDOMAIN denies the name and everything below, for every type and transport, so nothing there may
/// be answered.
fn nothing_denied_is_answered(decided: &[Decided]) {
    let all = || decided.iter().flatten();
    let denied = all().filter(|(_, above)| above.verdict == Verdict::Block(BlockStyle::Nxdomain));
    for (upper, above) in denied {
        for (lower, below) in all().filter(|(lower, _)| lower.as_ref().is_at_or_below(upper.as_ref())) {
            let blocked = matches!(below.verdict, Verdict::Block(_));
            assert!(blocked, "{upper} is NXDOMAIN ({above:?}), {lower} is {below:?}");
        }
    }
}

/// Whatever the answer points at, a locked name is not reached by it, and a sealed one only from
/// core names and essentials.
fn no_answer_leads_to_a_locked_name(snapshot: &Snapshot, source: &str, decided: &Decided) {
    let client = client(snapshot, source);
    for (asked, first) in decided.iter().filter(|(_, first)| !matches!(first.verdict, Verdict::Block(_))) {
        for (target, direct) in decided {
            let question = Question { name: asked.as_ref(), rtype: 1 };
            let hop = Hop::Target(target.as_ref());
            let for_all = snapshot.passes_for_all(hop, 1);
            let hop = snapshot.inspect(&client, first, &question, hop);
            assert!(!for_all || hop == Inspection::Pass, "{asked} -> {target}: {hop:?}");
            if !matches!(hop, Inspection::Pass) {
                continue;
            }
            assert!(direct.reason.id != ReasonId::Locked, "{asked} leads to {target}, which is locked");
            // A rewrite keeps who allowed the host in its waiver only.
            let rewritten = matches!(first.verdict, Verdict::Rewrite(_)) && first.waiver == Waiver::Sealed;
            let may = rewritten || matches!(first.reason.id, ReasonId::Core | ReasonId::Essential);
            assert!(
                may || direct.reason.id != ReasonId::Sealed,
                "{asked} leads to {target}, which is sealed"
            );
        }
    }
}

/// Nobody has ever to look again at what an answer points at, if it passes for all.
fn what_passes_for_all_is_closed_to_nobody(snapshot: &Snapshot, source: &str) {
    let asked = name("nobody-speaks-of-this.example.net");
    for (rtype, stream) in WAYS {
        let client = Client { stream, ..client(snapshot, source) };
        let question = Question { name: asked.as_ref(), rtype };
        let first = Decision { waiver: Waiver::Nothing, ..snapshot.decide(&client, &question) };
        for target in ASKED.map(name) {
            let hop = Hop::Target(target.as_ref());
            let found = snapshot.inspect(&client, &first, &question, hop);
            let for_all = snapshot.passes_for_all(hop, rtype);
            assert!(!for_all || found == Inspection::Pass, "{target} {rtype} {stream}: {found:?}");
        }
    }
}

/// What is said of a school by `decide` is what the spec says, and no answer undoes another.
fn holds(draft: &Draft) {
    let snapshot = build(draft);
    for (policy, source) in CLIENTS.into_iter().enumerate() {
        let all = WAYS.map(|way| decided(&snapshot, source, way));
        for ((rtype, tcp), decided) in WAYS.into_iter().zip(&all) {
            for (asked, (_, decision)) in ASKED.into_iter().zip(decided) {
                let expected = slow::decide(draft, policy, asked, rtype == 1, tcp);
                let told = (word(decision), decision.reason.id.as_str());
                assert_eq!(told, expected, "{asked} {rtype} under {policy}, tcp {tcp}");
            }
        }
        nothing_denied_is_answered(&all);
        no_answer_leads_to_a_locked_name(&snapshot, source, &all[0]);
        what_passes_for_all_is_closed_to_nobody(&snapshot, source);
    }
}

#[test]
fn a_client_that_is_sent_to_tcp_is_not_told_that_what_it_gets_there_does_not_exist() {
    let mut draft = Draft::empty();
    let below = draft::Entry { below: true, name: "a.example", wants: Some(draft::Wants::NoData) };
    draft.policy_zones.push(draft::Zone {
        category: "unsafe-search",
        core: false,
        entries: vec![below],
        client: Some(draft::Wants::Tcp),
    });
    draft.policies[0].rules.push(("allow", draft::Covers { exact: false, name: "a.example" }));
    holds(&draft);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decide_is_the_spec(draft in draft()) {
        holds(&draft);
    }

    #[test]
    fn not_looser_never_opens(mut draft in draft()) {
        // A client that is on a list is so in every policy, but these two are different clients.
        draft.policy_zones.iter_mut().for_each(|zone| zone.client = None);
        let snapshot = build(&draft);
        let number = |id| snapshot.school().policy_number(id).unwrap();
        for (new, old) in [("p", "q"), ("q", "p")] {
            if compare::not_looser(snapshot.school(), number(new), number(old)).is_err() {
                continue;
            }
            let all = |id| decided(&snapshot, if id == "p" { CLIENTS[0] } else { CLIENTS[1] }, WAYS[0]);
            for ((asked, now), (_, before)) in all(new).into_iter().zip(all(old)) {
                prop_assert!(
                    matches!(now.verdict, Verdict::Block(_)) || !matches!(before.verdict, Verdict::Block(_)),
                    "{} opens {}: {:?} was {:?}", new, asked, now, before
                );
            }
        }
    }

    #[test]
    fn hostile_questions_never_panic(wire in prop::collection::vec(any::<u8>(), 0..300)) {
        static BUILT_IN: LazyLock<Snapshot> = LazyLock::new(|| {
            Snapshot::build(&School::built_in(), &World::default(), Arc::new(Index::empty()))
        });
        let snapshot = &*BUILT_IN;
        if let Ok(asked) = Name::from_wire(&wire) {
            let _ = snapshot.decide(&client(snapshot, "127.0.0.1"), &Question { name: asked.as_ref(), rtype: 1 });
        }
    }
}
