//! Regular expressions as content blockers write them, in the words of the one that reads them here.

/// The inside of `/regex/`: in a class, signs that mean something only here are escaped. `None` where
/// it is not ASCII, as names are.
pub(super) fn translated(text: &[u8]) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut in_class = false;
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        if !byte.is_ascii() {
            return None;
        }
        rest = tail;
        match byte {
            b'\\' => {
                out.push('\\');
                if let Some((&escaped, tail)) = rest.split_first() {
                    out.push(escaped.is_ascii().then_some(char::from(escaped))?);
                    rest = tail;
                }
                continue;
            }
            b'[' if !in_class => {
                in_class = true;
                out.push('[');
                // The first `]` of a class is itself one of its signs.
                if let Some(tail) = rest.strip_prefix(b"^") {
                    out.push('^');
                    rest = tail;
                }
                continue;
            }
            // `[[:alpha:]]` is a class in a class.
            b'[' if rest.first() != Some(&b':') => out.push('\\'),
            b'[' => {
                let end = memchr::memmem::find(rest, b":]").map_or(0, |at| at + 2);
                out.push('[');
                out.push_str(std::str::from_utf8(rest.get(..end)?).ok()?);
                rest = rest.get(end..)?;
                continue;
            }
            b'&' | b'~' if in_class => out.push('\\'),
            b']' => in_class = false,
            _ => {}
        }
        out.push(char::from(byte));
    }
    Some(out)
}
