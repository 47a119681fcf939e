//! How entries want their blocks answered, each different way stored once.

use std::collections::HashMap;

use crate::index::action::{Record, Stored};
use crate::parse::{Action, RecordData};

/// Most different actions of one index; those beyond are answered as the policy answers.
const ACTIONS_MAX: usize = u16::MAX as usize;

/// [`Action`] in owned form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum OwnAction {
    /// As the policy answers.
    Policy,
    /// NXDOMAIN.
    NxDomain,
    /// NODATA.
    NoData,
    /// No answer.
    Drop,
    /// Only over TCP.
    TcpOnly,
    /// These records, in order, each once.
    Data(Vec<RecordData>),
}

impl From<Action<'_>> for OwnAction {
    fn from(action: Action<'_>) -> Self {
        match action {
            Action::Policy => Self::Policy,
            Action::NxDomain => Self::NxDomain,
            Action::NoData => Self::NoData,
            Action::Drop => Self::Drop,
            Action::TcpOnly => Self::TcpOnly,
            Action::Data(records) => {
                let mut records = records.to_vec();
                records.sort();
                records.dedup();
                Self::Data(records)
            }
        }
    }
}

impl From<&OwnAction> for Stored {
    fn from(action: &OwnAction) -> Self {
        match action {
            OwnAction::Policy => Self::Policy,
            OwnAction::NxDomain => Self::NxDomain,
            OwnAction::NoData => Self::NoData,
            OwnAction::Drop => Self::Drop,
            OwnAction::TcpOnly => Self::TcpOnly,
            OwnAction::Data(records) => Self::Data(
                records
                    .iter()
                    .map(|record| Record {
                        rtype: record.rtype,
                        ttl: record.ttl,
                        rdata: record.rdata.to_vec(),
                    })
                    .collect(),
            ),
        }
    }
}

/// Actions by number; 0 is [`OwnAction::Policy`].
#[derive(Clone)]
pub(super) struct Actions {
    all: Vec<OwnAction>,
    numbers: HashMap<OwnAction, u16>,
}

impl Actions {
    /// Knows one.
    pub(super) fn new() -> Self {
        Self { all: vec![OwnAction::Policy], numbers: HashMap::from([(OwnAction::Policy, 0)]) }
    }

    /// The number of an action; 0 when there are too many.
    pub(super) fn number(&mut self, action: &OwnAction) -> u16 {
        if let Some(&number) = self.numbers.get(action) {
            return number;
        }
        let Some(number) = u16::try_from(self.all.len()).ok().filter(|_| self.all.len() < ACTIONS_MAX) else {
            return 0;
        };
        self.all.push(action.clone());
        self.numbers.insert(action.clone(), number);
        number
    }

    /// All, by number.
    pub(super) fn all(&self) -> &[OwnAction] {
        &self.all
    }

    /// Whether an action lets the question through over TCP.
    pub(super) fn is_tcp_only(&self, number: u16) -> bool {
        self.all.get(usize::from(number)) == Some(&OwnAction::TcpOnly)
    }

    /// What two lines of equal rank want together: the records of both, else what the first wants
    /// that wants anything.
    pub(super) fn joined(&mut self, one: u16, two: u16) -> u16 {
        let pair = (self.all.get(usize::from(one)), self.all.get(usize::from(two)));
        match pair {
            (Some(OwnAction::Data(ours)), Some(OwnAction::Data(theirs))) if one != two => {
                let mut records = [ours.as_slice(), theirs.as_slice()].concat();
                records.sort();
                records.dedup();
                self.number(&OwnAction::Data(records))
            }
            _ if one == 0 => two,
            _ => one,
        }
    }
}
