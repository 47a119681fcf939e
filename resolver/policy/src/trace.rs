//! The steps of one decision in plain words, for `explain`. The query path uses a tracer that does
//! nothing and costs nothing.

/// Every step considered, in the order of design section 5.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// The steps, first considered first.
    pub steps: Vec<TraceStep>,
}

/// One step considered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceStep {
    /// Its number in design section 5.
    pub step: u8,
    /// Its short name.
    pub name: String,
    /// What came of it.
    pub outcome: String,
}

/// Where `decide` tells its steps; the outcome's text is made only if somebody listens.
pub(crate) trait Tracer {
    /// One step was considered.
    fn step(&mut self, step: u8, name: &'static str, outcome: impl FnOnce() -> String);
}

/// Nobody listens.
pub(crate) struct Silent;

impl Tracer for Silent {
    fn step(&mut self, _: u8, _: &'static str, _: impl FnOnce() -> String) {}
}

impl Tracer for Trace {
    fn step(&mut self, step: u8, name: &'static str, outcome: impl FnOnce() -> String) {
        self.steps.push(TraceStep { step, name: name.to_owned(), outcome: outcome() });
    }
}
