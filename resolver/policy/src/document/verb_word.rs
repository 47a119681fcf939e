//! A category's verb as written: a word, or `{ verb = "times", periods = ["lunch"] }`.

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Text;
use crate::verb::Verb;

/// A verb with the periods in which `times` allows.
#[derive(Debug, Clone)]
pub struct VerbWord {
    /// The verb.
    pub verb: Verb,
    /// Declared periods; empty stands for the built-in `breaks`.
    pub periods: Vec<Text>,
}

impl<'de> Deserialize<'de> for VerbWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VerbVisitor)
    }
}

/// Written by hand because serde's untagged enums lose the reason of a failure.
struct VerbVisitor;

impl<'de> Visitor<'de> for VerbVisitor {
    type Value = VerbWord;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a verb such as \"block\", or { verb = \"times\", periods = [\"lunch\"] }")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<VerbWord, E> {
        Ok(VerbWord { verb: verb(word)?, periods: Vec::new() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<VerbWord, A::Error> {
        let mut word: Option<String> = None;
        let mut periods: Vec<Text> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "verb" => word = Some(map.next_value()?),
                "periods" => periods = map.next_value()?,
                other => return Err(Error::unknown_field(other, &["verb", "periods"])),
            }
        }
        let verb = verb(&word.ok_or_else(|| Error::missing_field("verb"))?)?;
        if verb != Verb::Times && !periods.is_empty() {
            return Err(Error::custom(format!("`periods` go with the verb `times`, not with `{verb}`")));
        }
        Ok(VerbWord { verb, periods })
    }
}

fn verb<E: Error>(word: &str) -> Result<Verb, E> {
    Verb::from_word(word)
        .ok_or_else(|| Error::unknown_variant(word, &["allow", "watch", "times", "ask", "block", "seal"]))
}
