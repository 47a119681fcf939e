//! One question with all that was found out about it, and its answer from what others said.

use blocklists::name::{Name, NameRef};
use policy::{BlockStyle, Client, Decision, Hop, Question, Snapshot, Target, Verdict};

use crate::answer::{self, BlockPage};
use crate::cache::{Asked, Entry, Kept, KeyRef, Passage};
use crate::engine::Live;
use crate::event::{Event, Path};
use crate::inspect::{Judge, Part, Spot, passage};
use crate::limits::{CHAIN_MAX, REWRITE_TTL_MAX, STALE_TTL};
use crate::peer::{Peer, Transport};
use crate::reply::{Ede, Flags, Owner, Reply, Section, ede};
use crate::tick::Tick;
use crate::wire::{Query, rcode, rtype};

/// One question: who asks, and what was decided.
pub(crate) struct Case<'a> {
    pub(crate) query: Query<'a>,
    pub(crate) client: Client,
    pub(crate) decision: Decision,
    /// Where the entry of a list sends the name, and the upstream group that knows it.
    alias: Option<(Name, u16)>,
    pub(crate) live: &'a Live,
}

/// Whether the time of the parts of an answer is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// They are given with what is left of their TTLs.
    Fresh,
    /// They stand in (RFC 8767): short TTLs, and EDE says so.
    Stale,
}

/// What the parts of an answer came to.
struct Outcome {
    flags: Flags,
    stripped: bool,
}

impl<'a> Case<'a> {
    /// Query -> client -> policy -> verdict.
    #[inline]
    pub(crate) fn open(query: Query<'a>, peer: &Peer, live: &'a Live) -> Self {
        let snapshot = live.snapshot();
        let mut client = snapshot.client(&peer.asker());
        client.stream = peer.transport != Transport::Udp;
        let decision = snapshot.decide(&client, &Question { name: query.name, rtype: query.rtype });
        let alias = match decision.verdict {
            Verdict::Block(BlockStyle::Data(number)) => alias(snapshot, number, &query),
            _ => None,
        };
        Self { query, client, decision, alias, live }
    }

    /// The name that has to be resolved for the answer, if it is not the one asked for.
    pub(crate) fn target(&self) -> Option<NameRef<'_>> {
        match self.decision.verdict {
            Verdict::Rewrite(Target::Cname(number)) => Some(self.live.snapshot().target(number).as_ref()),
            _ => self.alias.as_ref().map(|(name, _)| name.as_ref()),
        }
    }

    /// What has to be known to answer it: the question itself, or that for its safe variant.
    pub(crate) fn key(&self) -> KeyRef<'_> {
        let name = self.target().unwrap_or(self.query.name);
        let asked = Asked {
            rtype: self.query.rtype,
            dnssec_ok: self.query.asked.dnssec_ok,
            checking_disabled: self.query.checking_disabled,
            group: self.alias.as_ref().map_or(self.decision.upstream, |(_, group)| *group),
            generation: self.live.generation(),
        };
        KeyRef { name, asked }
    }

    /// What is recorded about it.
    pub(crate) fn event<'e>(
        &'e self,
        peer: &'e Peer,
        decision: &'e Decision,
        path: Path,
        reply: &'e [u8],
    ) -> Event<'e> {
        Event { query: &self.query, peer, client: &self.client, decision, path, reply }
    }

    /// Writes the answer that these parts make, each hanging below the last name of the one before.
    /// Returns what was decided in the end: the answer itself may be blocked (step 15).
    pub(crate) fn respond(
        &self,
        parts: &[&Entry],
        (now, age): (Tick, Age),
        page: BlockPage,
        out: &mut Vec<u8>,
    ) -> Decision {
        let mut reply = Reply::start(self.query.asked, out);
        match self.write(parts, (now, age), &mut reply) {
            Ok(Some(Outcome { flags, stripped })) => {
                let rewrite = matches!(self.decision.verdict, Verdict::Rewrite(_));
                let rewritten = rewrite.then(|| answer::rewritten(&self.decision));
                let rebound = stripped.then_some(Ede { code: ede::FORGED, text: ["rebind", ""] });
                let denied = matches!(self.decision.verdict, Verdict::Block(_));
                let denied = denied.then(|| answer::denial(&self.decision, self.live.snapshot())).flatten();
                let stale = match (age, flags.rcode) {
                    (Age::Fresh, _) => None,
                    (Age::Stale, rcode::NXDOMAIN) => Some(Ede::code(ede::STALE_NXDOMAIN)),
                    (Age::Stale, _) => Some(Ede::code(ede::STALE)),
                };
                match (denied.or(rewritten).or(rebound), stale) {
                    (Some(altered), Some(stale)) => reply.finish(flags, &[altered, stale]),
                    (altered, stale) => reply.finish(flags, altered.or(stale).as_slice()),
                }
                self.decision
            }
            Ok(None) => self.fail(ede::NETWORK_ERROR, out),
            Err(decision) => {
                answer::deny(&self.query, &decision, self.live.snapshot(), page, out);
                decision
            }
        }
    }

    /// SERVFAIL with the reason why. For a rewritten name the original is never an alternative. The
    /// alias of a list's entry is a block by itself, and is given alone.
    pub(crate) fn fail(&self, code: u16, out: &mut Vec<u8>) -> Decision {
        if self.alias.is_some() {
            answer::deny(&self.query, &self.decision, self.live.snapshot(), BlockPage::default(), out);
            return self.decision;
        }
        if let Verdict::Rewrite(_) = self.decision.verdict {
            let errors = [answer::rewritten(&self.decision), Ede::code(ede::NETWORK_ERROR)];
            answer::code(&self.query, rcode::SERVFAIL, &errors, out);
        } else {
            answer::code(&self.query, rcode::SERVFAIL, &[Ede::code(code)], out);
        }
        self.decision
    }

    /// Writes all parts. `None` when one of them is a failure.
    fn write(
        &self,
        parts: &[&Entry],
        (now, age): (Tick, Age),
        reply: &mut Reply<'_>,
    ) -> Result<Option<Outcome>, Decision> {
        let snapshot = self.live.snapshot();
        let judge = Judge {
            snapshot,
            client: &self.client,
            decision: &self.decision,
            asked: Question { name: self.query.name, rtype: self.query.rtype },
            https: snapshot.policy(self.client.policy).https_records,
            free: false,
        };
        let question = Spot { name: self.query.name.wire(), at: Reply::QUESTION };
        let mut spot = question;
        if let Some(target) = self.target() {
            self.passes(target, parts, judge)?;
            let owner = Owner::At(question.at, question.name);
            let ttl = self.decision.ttl_cap.min(REWRITE_TTL_MAX);
            let at = reply.record(Section::Answer, owner, rtype::CNAME, ttl, |out| {
                out.extend_from_slice(target.wire());
                true
            });
            spot = Spot { name: target.wire(), at: at.unwrap_or(usize::MAX) };
        }
        let authoritative = self.decision.verdict == Verdict::Local;
        let mut outcome = Outcome { flags: Flags { rcode: rcode::NOERROR, authoritative }, stripped: false };
        for (number, entry) in parts.iter().take(CHAIN_MAX).enumerate() {
            let Kept::Answer(body) = &entry.kept else {
                return Ok(None);
            };
            // A safe variant that does not exist is one that cannot be had.
            if spot.at != question.at && body.rcode() != rcode::NOERROR && !authoritative {
                return Ok(None);
            }
            let (age, ttl_max) = match age {
                Age::Fresh => (now.seconds_since(entry.stored), self.decision.ttl_cap),
                Age::Stale => (0, self.decision.ttl_cap.min(STALE_TTL)),
            };
            let part = Part { body, age, ttl_max, last: number + 1 == parts.len() };
            outcome.flags.rcode = body.rcode();
            let found = entry.content.get(self.live.number(), || passage(snapshot, self.query.rtype, body));
            if found == Passage::Whole && part.last && spot.at == question.at {
                part.copy(reply);
                continue;
            }
            let judge = Judge { free: found != Passage::Judged, ..judge };
            let written = judge.write(part, spot, reply)?;
            if written.emptied {
                answer::emptied(reply, self.query.name, self.decision.ttl_cap);
            }
            spot = written.last;
            outcome.stripped |= written.stripped;
        }
        Ok(Some(outcome))
    }

    /// Judges the name that is resolved in the place of the one asked for. The first part is the answer
    /// for just that name, and remembers what was found.
    fn passes(&self, target: NameRef<'_>, parts: &[&Entry], judge: Judge<'_>) -> Result<(), Decision> {
        let found = || match judge.snapshot.passes_for_all(Hop::Target(target), self.query.rtype) {
            true => Passage::Free,
            false => Passage::Judged,
        };
        match parts.first().map(|entry| entry.name.get(self.live.number(), found)) {
            Some(Passage::Free | Passage::Whole) => Ok(()),
            Some(Passage::Judged) | None => judge.target(target),
        }
    }
}

/// Where the entry of a list sends a question. Questions for the alias itself need no more than it.
fn alias(snapshot: &Snapshot, number: u16, query: &Query<'_>) -> Option<(Name, u16)> {
    if matches!(query.rtype, rtype::CNAME | rtype::ANY) {
        return None;
    }
    let name = snapshot.entry_action(number)?.alias(query.name)?;
    let group = snapshot.upstream_of(name.as_ref());
    Some((name, group))
}
