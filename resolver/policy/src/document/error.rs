//! Mistakes in the policy file, with their place: one clear sentence for a coordinator.

use thiserror::Error;

/// Names further away than this are not what the writer meant.
const SIMILARITY_MIN: f64 = 0.7;

/// A mistake in the policy file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {message}")]
pub struct DocumentError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and, where known, what would be right.
    pub message: String,
}

impl DocumentError {
    /// A mistake at a byte offset.
    pub(crate) fn at(text: &str, offset: usize, message: String) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).map_or(0, |line| line.chars().count()) + 1,
            message,
        }
    }

    /// What the TOML reader found, for any file of ours.
    #[must_use]
    pub fn from_toml(text: &str, error: &toml::de::Error) -> Self {
        let offset = error.span().map_or(0, |span| span.start);
        Self::at(text, offset, friendly(error.message()))
    }
}

/// Turns serde's "unknown field `x`, expected one of `a`, `b`" into a sentence with a suggestion.
fn friendly(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (Some(wrong), true) = (quoted.next(), message.starts_with("unknown ")) else {
        return message.lines().collect::<Vec<_>>().join("; ");
    };
    let known: Vec<&str> = quoted.collect();
    let what = if message.starts_with("unknown field") { "key" } else { "word" };
    match nearest(wrong, known.iter().copied()) {
        Some(right) => format!("unknown {what} `{wrong}`; did you mean `{right}`?"),
        None => format!("unknown {what} `{wrong}`; known here: {}", known.join(", ")),
    }
}

/// The nearest right word, where one is near enough.
fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|word| (strsim::jaro_winkler(wrong, word), word))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|one, other| one.0.total_cmp(&other.0).then_with(|| other.1.cmp(one.1)))
        .map(|(_, word)| word)
}

/// "there is no … `x`", with the nearest one that there is.
pub(crate) fn not_declared<'a>(what: &str, wrong: &str, known: impl Iterator<Item = &'a str>) -> String {
    match nearest(wrong, known) {
        Some(right) => format!("there is no {what} `{wrong}`; did you mean `{right}`?"),
        None => format!("there is no {what} `{wrong}`"),
    }
}
