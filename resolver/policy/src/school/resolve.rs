//! Policies as written become policies as they hold: settings, verbs and rules are taken along
//! `extends`, down to the built-in defaults.

use std::collections::BTreeMap;

use blocklists::source::Span;

use super::identities::{Numbers, numbered};
use super::policies::{Action, Chosen, Policy, Rule};
use super::{build, is_public_suffix};
use crate::document::{Document, DocumentError, Text, WrittenPolicy, WrittenRule, not_declared};
use crate::names::Covered;
use crate::presets::{self, PRESETS, preset};
use crate::verb::Verb;

/// Longest life of an answer that a policy may set, in seconds: a day.
const MAX_TTL_SECONDS_MAX: u32 = 86_400;
/// The period that a `times` verb without periods means.
const BREAKS: &str = "breaks";

/// All policies, the rules of all of them, and their numbers.
pub(super) struct Resolved {
    pub(super) policies: Vec<Policy>,
    pub(super) rules: Vec<Rule>,
    pub(super) numbers: Numbers,
}

/// Resolves presets and declared policies.
pub(super) fn policies(
    document: &Document,
    categories: &build::Categories,
    warnings: &mut Vec<String>,
) -> Result<Resolved, DocumentError> {
    let written: &[WrittenPolicy] = &document.written.policy;
    let by_id = numbered(document, "policy", written.iter().map(|policy| &policy.id))?;
    let mut work = Work { document, categories, by_id, rules: Vec::new(), done: BTreeMap::new(), warnings };
    for policy in written {
        work.resolve(policy, &mut Vec::new())?;
    }
    let Work { rules, mut done, .. } = work;
    let declared = written.iter().map(|policy| policy.id.get_ref().as_str());
    let mut policies: Vec<Policy> = Vec::new();
    for id in PRESETS.into_iter().chain(declared.filter(|id| !PRESETS.contains(id))) {
        policies.extend(done.remove(id).or_else(|| preset(id)));
    }
    let numbers = (0u16..).zip(&policies).map(|(number, policy)| (policy.id.clone(), number)).collect();
    Ok(Resolved { policies, rules, numbers })
}

struct Work<'a> {
    document: &'a Document,
    categories: &'a build::Categories,
    by_id: Numbers,
    rules: Vec<Rule>,
    done: BTreeMap<String, Policy>,
    warnings: &'a mut Vec<String>,
}

impl<'a> Work<'a> {
    fn resolve(
        &mut self,
        written: &'a WrittenPolicy,
        path: &mut Vec<&'a str>,
    ) -> Result<Policy, DocumentError> {
        let id = written.id.get_ref().as_str();
        if let Some(done) = self.done.get(id) {
            return Ok(done.clone());
        }
        if path.contains(&id) {
            let round = format!("`extends` goes round in a circle: {} -> {id}", path.join(" -> "));
            return Err(self.document.error(&written.id, round));
        }
        path.push(id);
        let mut policy = self.parent(written, path)?;
        path.pop();
        policy.id = id.to_owned();
        policy.title = written.title.clone().unwrap_or_else(|| id.to_owned());
        self.settings(written, &mut policy)?;
        self.verbs(written, &mut policy)?;
        self.rules(written, &mut policy)?;
        self.done.insert(id.to_owned(), policy.clone());
        Ok(policy)
    }

    /// What the policy starts from. A policy with a preset's id that extends that id starts from the
    /// preset that it replaces.
    fn parent(
        &mut self,
        written: &'a WrittenPolicy,
        path: &mut Vec<&'a str>,
    ) -> Result<Policy, DocumentError> {
        let Some(parent) = &written.extends else {
            if written.categories.is_empty() {
                self.warnings.push(format!(
                    "policy `{}` names no categories and extends nothing: the built-in verbs of `{}` hold",
                    written.id.get_ref(),
                    presets::ROOT
                ));
            }
            return preset(presets::ROOT)
                .ok_or_else(|| self.document.error(&written.id, "no built-in policies"));
        };
        let id = parent.get_ref();
        let replaced = (id == written.id.get_ref()).then(|| preset(id)).flatten();
        if let Some(preset) = replaced {
            return Ok(preset);
        }
        let document = self.document;
        if let Some(declared) =
            self.by_id.get(id).and_then(|&place| document.written.policy.get(usize::from(place)))
        {
            return self.resolve(declared, path);
        }
        preset(id).ok_or_else(|| {
            let known = self.by_id.keys().map(String::as_str).chain(PRESETS);
            document.error(parent, not_declared("policy", id, known))
        })
    }

    fn settings(&self, written: &WrittenPolicy, policy: &mut Policy) -> Result<(), DocumentError> {
        if let Some(ttl) = &written.max_ttl {
            if !(1..=MAX_TTL_SECONDS_MAX).contains(ttl.get_ref()) {
                let message = format!("`max_ttl` is between 1 and {MAX_TTL_SECONDS_MAX} seconds");
                return Err(self.document.error(ttl, message));
            }
            policy.max_ttl = *ttl.get_ref();
        }
        policy.default = written.default.unwrap_or(policy.default);
        policy.local = written.local.unwrap_or(policy.local);
        policy.safe_search = written.safe_search.unwrap_or(policy.safe_search);
        policy.youtube = written.youtube.unwrap_or(policy.youtube);
        policy.unsafe_search_engines = written.unsafe_search_engines.unwrap_or(policy.unsafe_search_engines);
        policy.https_records = written.https_records.unwrap_or(policy.https_records);
        policy.block_answer = written.block_answer.unwrap_or(policy.block_answer);
        Ok(())
    }

    fn verbs(&mut self, written: &WrittenPolicy, policy: &mut Policy) -> Result<(), DocumentError> {
        for (text, word) in &written.categories {
            let category = self.categories.known(self.document, text)?;
            if self.categories.is_locked(&category) {
                self.warnings.push(format!(
                    "policy `{}` gives {category} the verb `{}`, but it is locked: it stays blocked",
                    policy.id, word.verb
                ));
                continue;
            }
            if category.confirmed().is_some() && word.verb == Verb::Seal {
                self.warnings.push(format!(
                    "policy `{}` seals {category}, which one list alone can fill: it is blocked, not sealed",
                    policy.id
                ));
            }
            let mut periods = Vec::new();
            for period in &word.periods {
                self.period(period)?;
                periods.push(period.get_ref().clone());
            }
            if word.verb == Verb::Times && periods.is_empty() {
                periods.push(BREAKS.to_owned());
            }
            policy.verbs.insert(category, Chosen { verb: word.verb, periods });
        }
        Ok(())
    }

    fn period(&self, period: &Text) -> Result<(), DocumentError> {
        let declared = &self.document.written.calendar.periods;
        if period.get_ref() == BREAKS || declared.contains_key(period.get_ref().as_str()) {
            return Ok(());
        }
        let known = declared.keys().map(|known| known.get_ref().as_str()).chain([BREAKS]);
        Err(self.document.error(period, not_declared("period", period.get_ref(), known)))
    }

    /// Adds the policy's own rules to those of its parent. Its own rule about the same name replaces
    /// the parent's; of two of its own, block beats allow.
    fn rules(&mut self, written: &WrittenPolicy, policy: &mut Policy) -> Result<(), DocumentError> {
        let mut own: BTreeMap<Covered, u32> = BTreeMap::new();
        for rule in &written.rule {
            let covers = self.rule_covers(rule)?;
            let number = u32::try_from(self.rules.len()).unwrap_or(u32::MAX);
            let rival = own.get(&covers).and_then(|&rival| self.rules.get(usize::try_from(rival).ok()?));
            if rival.is_some_and(|rival| rival.action != rule.action) {
                self.warnings.push(format!(
                    "policy `{}` both allows and blocks {}: it is blocked",
                    policy.id,
                    rule.name.get_ref()
                ));
            }
            if rival.is_none_or(|rival| rival.action == Action::Allow) {
                own.insert(covers.clone(), number);
            }
            self.rules.push(Rule {
                policy: policy.id.clone(),
                covers,
                action: rule.action,
                reason: rule.reason.clone(),
                owner: rule.owner.clone(),
                review: rule.review.as_ref().map(|date| date.get_ref().clone()),
            });
        }
        let rules = &self.rules;
        policy.rules.retain(|&inherited| {
            let inherited = usize::try_from(inherited).ok().and_then(|place| rules.get(place));
            inherited.is_some_and(|inherited| !own.contains_key(&inherited.covers))
        });
        policy.rules.extend(own.into_values());
        Ok(())
    }

    fn rule_covers(&self, rule: &WrittenRule) -> Result<Covered, DocumentError> {
        if let Some(date) = &rule.review {
            crate::calendar::check_date(self.document, date)?;
        }
        let covered = build::covered(self.document, &rule.name, Span::Subtree)?;
        if rule.action == Action::Allow && is_public_suffix(covered.name.as_ref()) {
            return Err(self.document.error(&rule.name, build::opens_suffix(&covered.name)));
        }
        Ok(covered)
    }
}
