//! Names in master files: relative to an origin, with escapes, of any bytes.

use super::master::unescaped;
use crate::name::{LABEL_OCTETS_MAX, NAME_OCTETS_MAX, Name, NameError, NameRef};
use crate::parse::WORD_BYTES_MAX;

/// What relative names are relative to.
pub(super) struct Origin {
    /// The root where nothing was said: then a relative name is whole.
    current: Name,
    /// The first that was said.
    first: Option<Name>,
}

impl Origin {
    pub(super) fn unknown() -> Self {
        Self { current: Name::root(), first: None }
    }

    /// The first `$ORIGIN` of the file.
    pub(super) fn first(&self) -> Option<&Name> {
        self.first.as_ref()
    }

    pub(super) fn set(&mut self, name: Name) {
        self.first.get_or_insert_with(|| name.clone());
        self.current = name;
    }

    /// The owner of the start of authority is the origin of a file that says no other.
    pub(super) fn learn(&mut self, apex: &Name) {
        if self.first.is_none() {
            self.current = apex.clone();
        }
    }

    /// Reads a name.
    ///
    /// # Errors
    /// [`NameError`] when it is none.
    pub(super) fn name(&self, word: &[u8]) -> Result<Name, NameError> {
        if word == b"@" {
            return Ok(self.current.clone());
        }
        if word == b"." {
            return Ok(Name::root());
        }
        if word.len() > WORD_BYTES_MAX {
            return Err(NameError::TooLong);
        }
        let ascii;
        let word = if word.is_ascii() {
            word
        } else {
            ascii = idna::domain_to_ascii_cow(word, idna::AsciiDenyList::EMPTY)
                .map_err(|_| NameError::BadCharacter)?;
            ascii.as_bytes()
        };
        let mut wire = Vec::with_capacity(word.len() + 2);
        let is_whole = write_labels(word, &mut wire)?;
        wire.extend_from_slice(if is_whole { &[0] } else { self.current.as_ref().wire() });
        if wire.len() > NAME_OCTETS_MAX {
            return Err(NameError::TooLong);
        }
        Name::from_wire(&wire)
    }
}

/// Writes labels without the root; whether a dot stands at the end.
fn write_labels(word: &[u8], out: &mut Vec<u8>) -> Result<bool, NameError> {
    let mut label: Vec<u8> = Vec::new();
    let mut is_whole = false;
    for byte in unescaped(word) {
        let (byte, escaped) = byte.ok_or(NameError::BadCharacter)?;
        if byte == b'.' && !escaped {
            close(&mut label, out)?;
            is_whole = true;
        } else {
            is_whole = false;
            label.push(byte);
            if out.len() + label.len() > NAME_OCTETS_MAX + LABEL_OCTETS_MAX {
                return Err(NameError::TooLong);
            }
        }
    }
    if !is_whole {
        close(&mut label, out)?;
    }
    Ok(is_whole)
}

fn close(label: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<(), NameError> {
    match u8::try_from(label.len()) {
        Ok(0) => Err(NameError::EmptyLabel),
        Ok(octets) if label.len() <= LABEL_OCTETS_MAX => {
            out.push(octets);
            out.append(label);
            Ok(())
        }
        _ => Err(NameError::LabelTooLong),
    }
}

/// The labels of a name below the zone's own, from the left; `None` outside of the zone. A zone
/// without a name holds every name.
pub(super) fn below<'n>(name: NameRef<'n>, apex: Option<NameRef<'_>>) -> Option<Vec<&'n [u8]>> {
    let more = match apex {
        Some(apex) if !name.is_at_or_below(apex) => return None,
        Some(apex) => name.label_count() - apex.label_count(),
        None => name.label_count(),
    };
    Some(name.labels().take(more).collect())
}
