//! What is no name: the patterns and addresses of all sources, made ready for the index.

use std::collections::HashMap;

use super::gather::Gathered;
use super::source::reject;
use super::spread::spread;
use crate::addresses::Addresses;
use crate::index::extras::Extras;
use crate::index::meaning::{Meaning, PatternRule, Patterned, Spared, says};
use crate::patterns::{Patterns, build};
use crate::report::SourceReport;

/// Patterns and addresses.
pub(super) struct Subjects {
    pub(super) patterns: Option<Patterns>,
    /// How many different patterns were met.
    pub(super) count: usize,
    pub(super) rules: Vec<PatternRule>,
    pub(super) patterned: Vec<Patterned>,
    pub(super) answers: Addresses,
    pub(super) clients: Addresses,
}

impl Subjects {
    /// All that an index holds beside its names; `meaning` is that of the names' marks.
    pub(super) fn extras(self, meaning: Meaning) -> Extras {
        let Self { patterns, count, rules, patterned, answers, clients } = self;
        let meaning = Meaning { patterns: count, rules, patterned, ..meaning };
        Extras { meaning, patterns, answers, clients, ..Extras::default() }
    }
}

/// Makes them. What cannot be used is counted in the report of its source.
pub(super) fn subjects(gathered: &mut Gathered, reports: &mut [SourceReport]) -> Subjects {
    let mut texts: Vec<String> = gathered.patterns.iter().map(|pattern| pattern.said.text.clone()).collect();
    texts.sort_unstable();
    texts.dedup();
    let built = build(&texts);
    let refused: HashMap<usize, String> =
        built.refused.iter().map(|(number, error)| (*number, error.to_string())).collect();
    let mut rules = Vec::new();
    for pattern in &gathered.patterns {
        let Ok(number) = texts.binary_search(&pattern.said.text) else { continue };
        let Some(group) = gathered.groups.get(usize::from(pattern.group)) else { continue };
        let locked = gathered
            .categories
            .get(usize::from(group.category))
            .is_some_and(crate::category::CategoryId::is_locked);
        if let Some(why) = refused.get(&number) {
            if let Some(report) = reports.get_mut(group.source) {
                reject(report, &pattern.said.file, pattern.said.line, why, locked);
            }
            continue;
        }
        let says = match (pattern.said.important, pattern.said.exception) {
            (false, false) => says::IN,
            (false, true) => says::OUT,
            (true, false) => says::IMPORTANT_IN,
            (true, true) => says::IMPORTANT_OUT,
        };
        rules.push(PatternRule {
            pattern: u32::try_from(number).unwrap_or(u32::MAX),
            patterned: group.patterned.unwrap_or(0),
            says: says << says::PATTERN,
            types: pattern.types,
            action: pattern.action,
            spared: pattern.said.spared.iter().cloned().map(Spared).collect(),
        });
    }
    rules.sort_by_key(|rule| rule.pattern);
    let patterned = gathered.patterned.iter().zip(0_u16..);
    let patterned = patterned.filter_map(|(&group, number)| {
        let group = gathered.groups.get(usize::from(group))?;
        let opens = |rule: &PatternRule| {
            rule.patterned == number && rule.says == says::IMPORTANT_OUT << says::PATTERN
        };
        Some(Patterned {
            category: group.category,
            unconfirmed: group.unconfirmed,
            core: group.core,
            opens: rules.iter().any(opens),
        })
    });
    let patterned = patterned.collect();
    let answers = spread(&gathered.addresses, false, &gathered.groups, &mut gathered.actions);
    let clients = spread(&gathered.addresses, true, &gathered.groups, &mut gathered.actions);
    let patterns = (!rules.is_empty()).then_some(built.patterns);
    Subjects { patterns, count: texts.len(), rules, patterned, answers, clients }
}
