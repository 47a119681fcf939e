//! `decide` against a slow, separately written spec of design section 5, over random schools, lists
//! and questions; and what must hold for all of them.

mod draft;
mod slow;

use std::sync::{Arc, LazyLock};

use blocklists::index::Index;
use blocklists::name::Name;
use draft::{ASKED, Draft, draft};
use policy::{
    BlockStyle, Decision, Hop, Inspection, Question, ReasonId, School, Snapshot, Verdict, Waiver, World,
    compare,
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
        Verdict::Block(_) => "block",
        Verdict::Rewrite(_) => "rewrite",
        Verdict::Local => "local",
        Verdict::Loopback => "loopback",
        Verdict::Refuse => "refuse",
    }
}

/// Every name that is asked, with its decision.
type Decided = Vec<(Name, Decision)>;

fn decided(snapshot: &Snapshot, source: &str) -> Decided {
    static NAMES: LazyLock<Vec<Name>> = LazyLock::new(|| ASKED.map(name).to_vec());
    let client = client(snapshot, source);
    let decide = |name: &Name| snapshot.decide(&client, &Question { name: name.as_ref(), rtype: 1 });
    NAMES.iter().map(|name| (name.clone(), decide(name))).collect()
}

/// NXDOMAIN denies everything below, so nothing below may be answered.
fn nothing_denied_is_answered(decided: &Decided) {
    let denied = decided.iter().filter(|(_, above)| above.verdict == Verdict::Block(BlockStyle::Nxdomain));
    for (upper, above) in denied {
        for (lower, below) in
            decided.iter().filter(|(lower, _)| lower.as_ref().is_at_or_below(upper.as_ref()))
        {
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
            let hop = snapshot.inspect(&client, first, &question, Hop::Target(target.as_ref()));
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decide_is_the_spec(draft in draft()) {
        let snapshot = build(&draft);
        for (policy, source) in CLIENTS.into_iter().enumerate() {
            let decided = decided(&snapshot, source);
            for (asked, (_, decision)) in ASKED.into_iter().zip(&decided) {
                let expected = slow::decide(&draft, policy, asked);
                prop_assert_eq!((word(decision), decision.reason.id.as_str()), expected, "{} under {}", asked, policy);
            }
            nothing_denied_is_answered(&decided);
            no_answer_leads_to_a_locked_name(&snapshot, source, &decided);
        }
    }

    #[test]
    fn not_looser_never_opens(draft in draft()) {
        let snapshot = build(&draft);
        let number = |id| snapshot.school().policy_number(id).unwrap();
        for (new, old) in [("p", "q"), ("q", "p")] {
            if compare::not_looser(snapshot.school(), number(new), number(old)).is_err() {
                continue;
            }
            let all = |id| decided(&snapshot, if id == "p" { CLIENTS[0] } else { CLIENTS[1] });
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
