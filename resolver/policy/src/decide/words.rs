//! The outcome of each step in plain words, for `explain`. Never called on the query path.

use blocklists::category::CategorySet;

use super::Case;
use crate::client::{Client, Standing};
use crate::decision::{BlockStyle, Decision, Target};
use crate::school::policies::{Action, Policy};
use crate::snapshot::Snapshot;

pub(super) fn yes_no(yes: bool, if_so: &str, if_not: &str) -> String {
    if yes { if_so } else { if_not }.to_owned()
}

pub(super) fn client(snapshot: &Snapshot, client: &Client) -> String {
    let policy = &snapshot.policy(client.policy).id;
    let network = client.network.and_then(|number| snapshot.networks().get(usize::from(number)));
    let mut text = match (client.standing, network) {
        (Standing::Stranger, _) => return "a stranger: refused".to_owned(),
        (_, Some(network)) => format!("network {network}"),
        (_, None) => "in no declared network".to_owned(),
    };
    let school = snapshot.school();
    if let Some(group) = client.group.and_then(|number| school.groups().get(usize::from(number))) {
        text.push_str(&format!(", group {}", group.id));
    }
    if let Some(device) = client.device.and_then(|number| school.devices().get(usize::from(number))) {
        text.push_str(&format!(", device {}", device.id));
    }
    text.push_str(&format!(": policy {policy}"));
    let listed = snapshot.index.client_categories(client.listed);
    if !listed.is_empty() {
        text.push_str(&format!("; its address is on lists: {}", ids(snapshot, &listed)));
    }
    let wish = client.device.and_then(|device| snapshot.identities.wish(device));
    if let Some(wish) = wish.filter(|&wish| wish != client.policy) {
        let wish = &snapshot.policy(wish).id;
        text.push_str(&format!(" ({wish} is looser than {policy}, and an address proves nothing)"));
    }
    text
}

pub(super) fn listed(snapshot: &Snapshot, category: Option<u16>, none: &str, kind: &str) -> String {
    match category.and_then(|number| snapshot.category(number)) {
        Some(category) => format!("{category} is {kind}: blocked"),
        None => none.to_owned(),
    }
}

pub(super) fn local(case: &Case<'_>, sealed: bool) -> String {
    let text = match (case.said.local, case.policy.local, sealed) {
        (false, ..) => "not a name of the school's own",
        (true, false, _) => "a name of the school's own, which this policy does not answer",
        (true, true, true) => "a name of the school's own, but a sealed category lists it",
        (true, true, false) => "a name of the school's own: answered here",
    };
    text.to_owned()
}

pub(super) fn rule(case: &Case<'_>) -> String {
    let Some(rule) = case.said.rule.and_then(|(number, _)| case.snapshot.rule(number)) else {
        return "no rule of this policy".to_owned();
    };
    let verb = match rule.action {
        Action::Allow => "allows",
        Action::Block => "blocks",
    };
    let why = rule.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
    format!("a rule of policy {} {verb} {}{why}", rule.policy, rule.covers.name)
}

pub(super) fn approved(case: &Case<'_>, left: &CategorySet) -> String {
    let list =
        case.said.approved.and_then(|number| case.snapshot.school().approved().get(usize::from(number)));
    let Some(list) = list else {
        return "on no approved list of this policy".to_owned();
    };
    let cleared = case.found.here.difference(left);
    if cleared.is_empty() {
        format!("on the approved list {}; none of the name's categories is cleared by it", list.id)
    } else {
        format!("on the approved list {}, which clears {}", list.id, ids(case.snapshot, &cleared))
    }
}

pub(super) fn categories(case: &Case<'_>, left: &CategorySet) -> String {
    match case.strictest(left) {
        None => "no category left".to_owned(),
        Some((verb, strictest)) => {
            let strictest = CategorySet::from_iter([strictest]);
            format!(
                "in {}; strictest: {} is {verb}",
                ids(case.snapshot, left),
                ids(case.snapshot, &strictest)
            )
        }
    }
}

pub(super) fn action(style: Option<BlockStyle>) -> String {
    let text = match style {
        Some(BlockStyle::Nxdomain) => "the list's entry says: no such name",
        Some(BlockStyle::NoData) => "the list's entry says: nothing of this type",
        Some(BlockStyle::Drop) => "the list's entry says: no answer",
        Some(BlockStyle::TcpOnly) => "the list's entry says: ask again over TCP",
        Some(BlockStyle::Data(_)) => "the list's entry says: these records instead",
        _ => "the list's entry says how, but this category is always answered as a block",
    };
    text.to_owned()
}

pub(super) fn default(policy: &Policy) -> String {
    match policy.default {
        Action::Allow => "allowed: the policy allows what no category lists".to_owned(),
        Action::Block => "blocked: the policy allows only what is opened".to_owned(),
    }
}

pub(super) fn stays(loopback: bool, stays: bool) -> String {
    let text = match (loopback, stays) {
        (true, _) => "this machine itself: answered with the loopback address",
        (false, true) => "a name without meaning outside this network: does not exist, is not asked anywhere",
        (false, false) => "an ordinary name",
    };
    text.to_owned()
}

pub(super) fn rewrite(snapshot: &Snapshot, target: Target) -> String {
    match target {
        Target::Cname(number) => format!("sent to {}", snapshot.target(number)),
        Target::Address(address) => format!("sent to {address}"),
    }
}

pub(super) fn engine(engine: bool, blocked: bool) -> String {
    let text = match (engine, blocked) {
        (false, _) => "no search host that this policy rewrites",
        (true, true) => "a search engine without safe search: blocked",
        (true, false) => "a search engine without safe search, which this policy allows",
    };
    text.to_owned()
}

pub(super) fn upstream(decision: &Decision) -> String {
    match decision.upstream {
        0 => "the default upstream".to_owned(),
        number => format!("the upstream of conditional forward {number}"),
    }
}

fn ids(snapshot: &Snapshot, categories: &CategorySet) -> String {
    let ids = categories.iter().filter_map(|number| snapshot.category(number));
    ids.map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
