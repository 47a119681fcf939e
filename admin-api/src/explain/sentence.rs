//! One sentence that a filtering coordinator can read out to a teacher.

use policy::{Action, Client, Decision, ReasonId, Snapshot, Standing, Verb, Verdict};

use super::{Explanation, Reason};

/// What happens, to whom, and why.
pub(super) fn sentence(
    told: &Explanation,
    snapshot: &Snapshot,
    client: &Client,
    decision: &Decision,
) -> String {
    let name = &told.name;
    let who = who(told, snapshot, client);
    let why = why(told, snapshot, client, decision);
    let what = match decision.verdict {
        Verdict::Allow => "is allowed",
        Verdict::Watch => "is allowed, and counted,",
        Verdict::Rewrite(_) => "is answered with its safe version",
        Verdict::Local | Verdict::Loopback => "is answered by this box itself",
        Verdict::Block(_) => "is blocked",
        Verdict::Refuse => "is refused",
    };
    format!("{name} {what} for {who}: {why}.")
}

fn who(told: &Explanation, snapshot: &Snapshot, client: &Client) -> String {
    let policy = &snapshot.policy(client.policy).title;
    let device = match (&told.device, told.client) {
        (Some(device), Some(address)) => Some(format!("{device} ({address})")),
        (Some(device), None) => Some(device.clone()),
        (None, address) => address.map(|address| address.to_string()),
    };
    let place = match (&told.group, &told.network) {
        (Some(group), _) => format!("group {group}"),
        (None, Some(network)) => format!("network {network}"),
        (None, None) => "no network".to_owned(),
    };
    match (device, client.standing) {
        (Some(device), Standing::Known) => format!("{device} in {place}, policy “{policy}”"),
        (Some(device), Standing::Unknown) => {
            format!("{device}, which is in no network of the policy and so has policy “{policy}”")
        }
        (Some(device), Standing::Stranger) => device,
        (None, _) if told.group.is_some() || told.network.is_some() => {
            format!("{place}, policy “{policy}”")
        }
        (None, _) => format!("policy “{policy}”"),
    }
}

fn why(told: &Explanation, snapshot: &Snapshot, client: &Client, decision: &Decision) -> String {
    let reason = &told.reason;
    let category = reason.category.as_deref().unwrap_or("unknown");
    let listed = &listed(reason);
    match decision.reason.id {
        ReasonId::Locked => "it is on a list of illegal content, which nobody can allow".to_owned(),
        ReasonId::Canary => "by this name devices ask whether they may go round the filter, and \
             the answer is always no"
            .to_owned(),
        ReasonId::Isolated => "the device is cut off from everything but the status page".to_owned(),
        ReasonId::Suspended => "access was removed from this device for a time".to_owned(),
        ReasonId::UnknownClient => {
            "the address is in no network of the school, and this box answers nobody else".to_owned()
        }
        ReasonId::Core => "devices need it to work, and only illegal content is blocked before \
             that is asked"
            .to_owned(),
        ReasonId::Local => "it is one of the school's own names".to_owned(),
        ReasonId::Sealed => format!(
            "it is in the category {category}, which is never allowed under this policy and which \
             no site decision opens{listed}"
        ),
        ReasonId::Rule => rule(snapshot, decision),
        ReasonId::Grant => "it is temporarily unblocked".to_owned(),
        ReasonId::Essential => "it is one of the sites that must work".to_owned(),
        ReasonId::Approved => format!(
            "it is on the list of approved sites {}",
            reason.source.as_deref().unwrap_or("of the school")
        ),
        ReasonId::Category => {
            format!("{}{listed}", by_category(category, decision.reason.verb))
        }
        ReasonId::Default => match snapshot.policy(client.policy).default {
            Action::Allow => "no block list names it, and this policy allows what is not listed".to_owned(),
            Action::Block => "the policy allows only what is approved, and this is not".to_owned(),
        },
        ReasonId::SafeSearch => safe_search(told, decision.verdict),
        ReasonId::Target => format!("the answer leads to a blocked name (category {category})"),
        ReasonId::Rebind => "a public name must not lead to an address inside the school".to_owned(),
        ReasonId::LocalName if decision.verdict == Verdict::Loopback => {
            "by this name every machine means itself".to_owned()
        }
        ReasonId::LocalName => {
            "names like this exist only inside a network, and the school has not set this one up".to_owned()
        }
        ReasonId::NotReady => "the box has no block lists to filter with yet, and does not answer \
             unfiltered"
            .to_owned(),
    }
}

/// ` (listed as x in source, line n)`; without a line for lists as they were once.
fn listed(reason: &Reason) -> String {
    let (Some(matched), Some(source)) = (&reason.matched, &reason.source) else { return String::new() };
    let file = reason.file.as_ref().map_or(String::new(), |file| format!(", file {file}"));
    let line = reason.line.map_or(String::new(), |line| format!(", line {line}"));
    format!(" (listed as {matched} in {source}{file}{line})")
}

fn by_category(category: &str, verb: Option<Verb>) -> String {
    match verb {
        Some(Verb::Allow) => format!("this policy allows its category {category}"),
        Some(Verb::Watch) => format!("this policy allows and counts its category {category}"),
        Some(Verb::Times) => format!(
            "it is in the category {category}, which this policy allows at certain times only, \
             and not now"
        ),
        Some(Verb::Ask) => format!(
            "it is in the category {category}, which this policy opens only when a member of \
             staff permits it"
        ),
        Some(Verb::Block | Verb::Seal) | None => {
            format!("it is in the category {category}, which this policy does not allow")
        }
    }
}

fn rule(snapshot: &Snapshot, decision: &Decision) -> String {
    let Some(rule) = decision.reason.rule.and_then(|number| snapshot.rule(number)) else {
        return "a site decision of the school says so".to_owned();
    };
    let action = match rule.action {
        Action::Allow => "allow",
        Action::Block => "block",
    };
    let span = if rule.covers.subtree { "and everything below it" } else { "alone" };
    let because = rule.reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
    format!("policy {} has a site decision to {action} {} {span}{because}", rule.policy, rule.covers.name)
}

fn safe_search(told: &Explanation, verdict: Verdict) -> String {
    match (verdict, &told.answer.cname) {
        (Verdict::Rewrite(_), Some(target)) => {
            format!("safe search is on, so it leads to {target}")
        }
        (Verdict::Rewrite(_), None) => "safe search is on".to_owned(),
        _ => "it is a search engine that cannot be made safe".to_owned(),
    }
}
