//! One question with all that was found out about it, and its answer from what others said.

use policy::{Client, Decision, Question, Target, Verdict};

use crate::answer::{self, BlockPage};
use crate::cache::{Asked, Entry, Kept, KeyRef};
use crate::engine::Live;
use crate::event::{Event, Path};
use crate::inspect::{Judge, Part, Spot};
use crate::limits::{CHAIN_MAX, REWRITE_TTL_MAX, STALE_TTL};
use crate::peer::Peer;
use crate::reply::{Ede, Flags, Owner, Reply, Section, ede};
use crate::tick::Tick;
use crate::wire::{Query, rcode, rtype};

/// One question: who asks, and what was decided.
pub(crate) struct Case<'a> {
    pub(crate) query: Query<'a>,
    pub(crate) client: Client,
    pub(crate) decision: Decision,
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
    pub(crate) fn open(query: Query<'a>, peer: &Peer, live: &'a Live) -> Self {
        let snapshot = live.snapshot();
        let client = snapshot.client(&peer.asker());
        let decision = snapshot.decide(&client, &Question { name: query.name, rtype: query.rtype });
        Self { query, client, decision, live }
    }

    /// What has to be known to answer it: the question itself, or that for its safe variant.
    pub(crate) fn key(&self) -> KeyRef<'_> {
        let name = match self.decision.verdict {
            Verdict::Rewrite(Target::Cname(number)) => self.live.snapshot().target(number).as_ref(),
            _ => self.query.name,
        };
        let asked = Asked {
            rtype: self.query.rtype,
            dnssec_ok: self.query.asked.dnssec_ok,
            checking_disabled: self.query.checking_disabled,
            group: self.decision.upstream,
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
                let stale = match (age, flags.rcode) {
                    (Age::Fresh, _) => None,
                    (Age::Stale, rcode::NXDOMAIN) => Some(Ede::code(ede::STALE_NXDOMAIN)),
                    (Age::Stale, _) => Some(Ede::code(ede::STALE)),
                };
                match (rewritten.or(rebound), stale) {
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

    /// SERVFAIL with the reason why. For a rewritten name the original is never an alternative.
    pub(crate) fn fail(&self, code: u16, out: &mut Vec<u8>) -> Decision {
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
            asked: self.query.name,
            https: snapshot.policy(self.client.policy).https_records,
        };
        let question = Spot { name: self.query.name.wire(), at: Reply::QUESTION };
        let mut spot = question;
        if let Verdict::Rewrite(Target::Cname(number)) = self.decision.verdict {
            let target = snapshot.target(number).as_ref();
            judge.target(target)?;
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
            let written = judge.write(part, spot, reply)?;
            if written.emptied {
                answer::emptied(reply, self.query.name, self.decision.ttl_cap);
            }
            spot = written.last;
            outcome.flags.rcode = body.rcode();
            outcome.stripped |= written.stripped;
        }
        Ok(Some(outcome))
    }
}
