//! Why a name is answered as it is: the decision itself, its trace, the list line behind it, and
//! one sentence for people.
//!
//! The API and the command line call the same [`explain`]. It decides with the very function that
//! the data plane calls; only the evidence (source and line) is looked up beside it, in the kept
//! copies of the lists. Of a locked category there is no evidence to look up: that it is illegal is
//! all that anybody is told.

mod as_of;
mod corrected;
mod proof;
mod rtype;
mod sentence;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use blocklists::evidence::Asked;
use blocklists::name::{Name, NameError};
use blocklists_update::Lists;
use jiff::Timestamp;
use policy::{
    Asker, BlockStyle, Client, Decision, Question, ReasonId, Snapshot, Standing, Target, Trace, Verdict,
};
use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

pub use as_of::{AsOf, ListedThen};
pub use corrected::Corrected;
pub use proof::UsedHere;

/// Where evidence is: the state directory's own records.
#[derive(Debug, Clone, Copy)]
pub struct Records<'a> {
    /// The lists, their kept copies and their journal.
    pub lists: &'a Lists,
    /// The sets of names that this school used; they need not be there.
    pub used_here: &'a Path,
}

/// What is to be explained.
#[derive(Debug, Clone)]
pub struct ExplainRequest {
    /// The name, as a person writes it.
    pub name: String,
    /// Who asks.
    pub subject: Subject,
    /// The record type: `A`, `HTTPS`, `TYPE65`.
    pub rtype: String,
    /// At which moment (RFC 3339); now when left out.
    pub at: Option<String>,
    /// With the block lists as they were then (a day, or RFC 3339); as they are when left out.
    pub as_of: Option<String>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A device with this address.
    Client(IpAddr),
    /// Any device of this network that has no group or policy of its own.
    Network(String),
    /// A device of this group, under the group's policy.
    Group(String),
    /// Whoever is under this policy.
    Policy(String),
}

/// Why a request cannot be explained; the texts are for people.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExplainError {
    /// Not a name.
    #[error("`{name}` is not a name that can be looked up: {error}")]
    Name {
        /// What was written.
        name: String,
        /// What is wrong with it.
        error: NameError,
    },
    /// Not a record type.
    #[error(
        "`{0}` is not a record type; write A, AAAA, HTTPS, MX, TXT or another one, or TYPE and its number"
    )]
    Type(String),
    /// Not a time.
    #[error("`{0}` is not a time; write it like 2026-09-02T12:30:00Z")]
    Time(String),
    /// No such network, group or policy.
    #[error("there is no {kind} `{id}` in the policy")]
    Unknown {
        /// `network`, `group` or `policy`.
        kind: &'static str,
        /// What was written.
        id: String,
    },
    /// The group has no policy, so its devices have that of the network they are in.
    #[error(
        "group `{0}` has no policy of its own: its devices have that of their network; ask for a network or a device"
    )]
    GroupWithoutPolicy(String),
    /// Nothing is known of the lists of that moment.
    #[error("{0}")]
    NotKnown(String),
}

/// The explanation, as the API gives it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Explanation {
    /// The name asked for, in lower case.
    pub name: String,
    /// The record type.
    #[serde(rename = "type")]
    pub rtype: String,
    /// The device's address, when one was given.
    #[schema(value_type = Option<String>)]
    pub client: Option<IpAddr>,
    /// The moment.
    pub at: Timestamp,
    /// Network that the client is in.
    pub network: Option<String>,
    /// Group of the device.
    pub group: Option<String>,
    /// The device, if the school has named it.
    pub device: Option<String>,
    /// Policy that decided.
    pub policy: String,
    /// Revision of the policy.
    pub revision: u64,
    /// Id of the index.
    pub index: String,
    /// `allow`, `watch`, `rewrite`, `local`, `block` or `refuse`.
    pub verdict: &'static str,
    /// Why.
    pub reason: Reason,
    /// What goes over the wire.
    pub answer: Answer,
    /// All of it in one sentence.
    pub sentence: String,
    /// Every step considered.
    pub trace: Vec<Step>,
    /// With the block lists of which moment this is decided, and what they said; nothing when it is
    /// decided with those in force. The policy is the one in force in any case.
    pub as_of: Option<AsOf>,
    /// What keeps lists from deciding as they stand: corrections of the school, and what is held back
    /// because lessons use it. Not told of lists as they were once.
    pub corrections: Vec<Corrected>,
    /// Whether this school used the name lately; nothing when that is not known, and for what is locked.
    pub used_here: Option<UsedHere>,
    /// What could not be found out, if anything.
    pub note: Option<String>,
}

/// The stable record of why.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Reason {
    /// The step that decided.
    pub id: &'static str,
    /// The deciding category.
    pub category: Option<String>,
    /// The source (or approved list) that says so.
    pub source: Option<String>,
    /// The listed name: the one asked, or one above it.
    pub matched: Option<String>,
    /// File inside the source, if it has several.
    pub file: Option<String>,
    /// Line in the source or file.
    pub line: Option<u64>,
    /// The deciding rule, as `policy/name`.
    pub rule: Option<String>,
    /// The deciding grant.
    pub grant: Option<String>,
}

/// What goes over the wire.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Answer {
    /// `NOERROR`, `NXDOMAIN` or `REFUSED`; nothing when that is up to the upstream.
    pub rcode: Option<&'static str>,
    /// Extended DNS Error, for clients that speak EDNS.
    pub ede: Option<u16>,
    /// Where safe search sends the question.
    pub cname: Option<String>,
    /// Longest life in seconds.
    pub ttl: u32,
}

/// One step considered.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Step {
    /// Its number in the order of decision.
    pub step: u8,
    /// Its name.
    pub name: String,
    /// What came of it.
    pub outcome: String,
}

/// Explains one question.
///
/// Scans list copies where a category decided, so it may take up to a second; with `as_of` all of them,
/// and the journal.
///
/// # Errors
/// [`ExplainError`] for what the person wrote; copies that cannot be read are only a note.
pub fn explain(
    snapshot: &Snapshot,
    records: Records<'_>,
    request: &ExplainRequest,
) -> Result<Explanation, ExplainError> {
    let name = Name::parse(&request.name)
        .map_err(|error| ExplainError::Name { name: request.name.clone(), error })?;
    let rtype = rtype::number(&request.rtype).ok_or_else(|| ExplainError::Type(request.rtype.clone()))?;
    let question = Question { name: name.as_ref(), rtype };
    let Some(as_of) = &request.as_of else {
        let client = match &request.subject {
            Subject::Client(address) => Some(*address),
            _ => None,
        };
        let asked = Asked::Question(name.as_ref(), Some(rtype), client);
        let find = |decision: &Decision| proof::find(snapshot, records.lists.copies(), asked, decision);
        let mut explanation = told(snapshot, records, request, question, &find)?;
        if explanation.reason.id != ReasonId::Locked.as_str() {
            correct(&mut explanation, corrected::find(snapshot, records.lists, question.name));
        }
        return Ok(explanation);
    };
    let mut then = as_of::then(snapshot, records.lists, question, as_of)?;
    let index = std::mem::replace(&mut then.index, blocklists::index::Index::empty());
    let before = snapshot.over(Arc::new(index));
    let mut explanation =
        told(&before, records, request, question, &|decision| as_of::find(&before, &then, decision))?;
    snapshot.index().id().clone_into(&mut explanation.index);
    explanation.note = as_of::note(&then, &explanation).or(explanation.note);
    let told_as_of = AsOf::from(then);
    explanation.sentence = as_of::sentence(&explanation.sentence, told_as_of.at);
    explanation.as_of = Some(told_as_of);
    Ok(explanation)
}

/// Tells what is corrected beside what was decided.
fn correct(explanation: &mut Explanation, corrections: Vec<Corrected>) {
    for corrected in &corrections {
        explanation.sentence += " ";
        explanation.sentence += &corrected::sentence(corrected);
    }
    let decides = |one: &Corrected| one.into && explanation.reason.category.as_ref() == Some(&one.category);
    if explanation.reason.source.is_none() && corrections.iter().any(decides) {
        // No line has to say what the school says itself.
        explanation.note = None;
    }
    explanation.corrections = corrections;
}

/// The line behind a decision, and what to say when there is none.
type Find<'f> = &'f dyn Fn(&Decision) -> (Option<proof::Proof>, Option<String>);

fn told(
    snapshot: &Snapshot,
    records: Records<'_>,
    request: &ExplainRequest,
    question: Question<'_>,
    find: Find<'_>,
) -> Result<Explanation, ExplainError> {
    let at = match &request.at {
        Some(text) => text.parse().map_err(|_| ExplainError::Time(text.clone()))?,
        None => Timestamp::now(),
    };
    let client = client(snapshot, &request.subject)?;
    let mut trace = Trace::default();
    let decision = snapshot.decide_traced(&client, &question, &mut trace);
    let (found, note) = find(&decision);
    let school = snapshot.school();
    let id = |found: Option<&String>| found.cloned();
    let is_locked = decision.reason.id == ReasonId::Locked;
    let mut explanation = Explanation {
        name: question.name.to_string(),
        rtype: rtype::text(question.rtype),
        client: match request.subject {
            Subject::Client(address) => Some(address),
            _ => None,
        },
        at,
        network: id(client.network.and_then(|n| snapshot.networks().get(usize::from(n)))),
        group: id(client.group.and_then(|n| school.groups().get(usize::from(n))).map(|g| &g.id)),
        device: id(client.device.and_then(|n| school.devices().get(usize::from(n))).map(|d| &d.id)),
        policy: snapshot.policy(client.policy).id.clone(),
        revision: snapshot.revision(),
        index: snapshot.index().id().to_owned(),
        verdict: verdict(decision.verdict),
        reason: reason(snapshot, &decision, found),
        answer: answer(snapshot, &decision),
        sentence: String::new(),
        trace: steps(trace),
        as_of: None,
        corrections: Vec::new(),
        used_here: if is_locked {
            None
        } else {
            proof::used_here(snapshot, records.used_here, question.name)
        },
        note,
    };
    explanation.sentence = sentence::sentence(&explanation, snapshot, &client, &decision);
    Ok(explanation)
}

/// The client that a subject stands for.
fn client(snapshot: &Snapshot, subject: &Subject) -> Result<Client, ExplainError> {
    let school = snapshot.school();
    let mut client = Client {
        network: None,
        group: None,
        device: None,
        policy: 0,
        standing: Standing::Known,
        listed: blocklists::index::Listing::NOTHING,
        stream: false,
    };
    let unknown = |kind, id: &String| ExplainError::Unknown { kind, id: id.clone() };
    match subject {
        Subject::Client(source) => {
            return Ok(snapshot.client(&Asker { source: *source, local: None, interface: None }));
        }
        Subject::Network(id) => {
            let mut all = (0..).zip(school.networks());
            let (number, network) =
                all.find(|(_, network)| network.id == *id).ok_or_else(|| unknown("network", id))?;
            client.network = Some(number);
            client.policy = network.policy;
        }
        Subject::Group(id) => {
            let mut all = (0..).zip(school.groups());
            let (number, group) =
                all.find(|(_, group)| group.id == *id).ok_or_else(|| unknown("group", id))?;
            client.group = Some(number);
            client.policy = group.policy.ok_or_else(|| ExplainError::GroupWithoutPolicy(id.clone()))?;
        }
        Subject::Policy(id) => {
            let mut all = (0..).zip(snapshot.policies());
            let found = all.find(|(_, policy)| *policy == id).map(|(number, _)| number);
            client.policy = found.ok_or_else(|| unknown("policy", id))?;
        }
    }
    Ok(client)
}

fn reason(snapshot: &Snapshot, decision: &Decision, found: Option<proof::Proof>) -> Reason {
    let reason = &decision.reason;
    let approved = reason.approved.and_then(|n| snapshot.school().approved().get(usize::from(n)));
    let rule = reason.rule.and_then(|number| snapshot.rule(number));
    let category = reason.category.and_then(|number| snapshot.category(number));
    let mut told = Reason {
        id: reason.id.as_str(),
        category: category.map(ToString::to_string),
        source: approved.map(|approved| approved.id.clone()),
        matched: rule.map(|rule| rule.covers.name.to_string()),
        file: None,
        line: None,
        rule: rule.map(|rule| format!("{}/{}", rule.policy, rule.covers.name)),
        grant: None,
    };
    if let Some(found) = found {
        told.source = Some(found.source);
        told.matched = Some(found.matched);
        (told.file, told.line) = (found.file, found.line);
    }
    told
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allow",
        Verdict::Watch => "watch",
        Verdict::Rewrite(_) => "rewrite",
        Verdict::Local | Verdict::Loopback => "local",
        Verdict::Block(_) => "block",
        Verdict::Refuse => "refuse",
    }
}

/// As design section 6 has it.
fn answer(snapshot: &Snapshot, decision: &Decision) -> Answer {
    let denial = || match decision.reason.id {
        ReasonId::Locked => Some(16),
        ReasonId::UnknownClient => Some(18),
        ReasonId::NotReady => Some(14),
        ReasonId::LocalName => None,
        _ => Some(15),
    };
    let (rcode, ede) = match decision.verdict {
        Verdict::Allow | Verdict::Watch | Verdict::Local => (None, None),
        Verdict::Loopback => (Some("NOERROR"), None),
        Verdict::Rewrite(_) => (Some("NOERROR"), Some(4)),
        Verdict::Block(BlockStyle::Nxdomain) => (Some("NXDOMAIN"), denial()),
        Verdict::Block(BlockStyle::Refused) | Verdict::Refuse => (Some("REFUSED"), denial()),
        // No answer at all, and one that says "over TCP".
        Verdict::Block(BlockStyle::Drop) => (None, None),
        Verdict::Block(BlockStyle::TcpOnly) => (Some("NOERROR"), denial()),
        Verdict::Block(BlockStyle::NoData | BlockStyle::Null | BlockStyle::Page | BlockStyle::Data(_)) => {
            (Some("NOERROR"), denial())
        }
    };
    let cname = match decision.verdict {
        Verdict::Rewrite(Target::Cname(number)) => Some(snapshot.target(number).to_string()),
        _ => None,
    };
    Answer { rcode, ede, cname, ttl: decision.ttl_cap }
}

fn steps(trace: Trace) -> Vec<Step> {
    let step = |step: policy::TraceStep| Step { step: step.step, name: step.name, outcome: step.outcome };
    trace.steps.into_iter().map(step).collect()
}
