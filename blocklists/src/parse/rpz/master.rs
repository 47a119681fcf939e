//! Master files as entries: words, one record or directive each (RFC 1035 section 5.1).
//!
//! Parentheses let an entry go on over lines, quotes let a word hold blanks, `;` starts a comment. An
//! entry that never ends is given up after its first line, so that one bad line costs one line.

use crate::parse::{LINE_BYTES_MAX, Line, RawLines, raw_lines};

/// Most lines of one entry; a start of authority has seven.
const ENTRY_LINES_MAX: usize = 64;

/// One record or directive.
pub(super) struct Entry<'a> {
    /// Where it starts.
    pub(super) line: Line<'a>,
    /// It starts with a blank: its owner is the last one's.
    pub(super) starts_blank: bool,
    /// Never empty, but where it is broken. Quotes are taken off, escapes are not.
    pub(super) words: Vec<Box<[u8]>>,
    /// What is wrong with it.
    pub(super) broken: Option<&'static str>,
}

/// The entries of a file.
pub(super) struct Entries<'a> {
    lines: RawLines<'a>,
}

impl<'a> Entries<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { lines: raw_lines(bytes) }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let first = self.lines.next()?;
            let starts_blank = first.text.first().is_some_and(u8::is_ascii_whitespace);
            let line = Line { text: first.text.trim_ascii(), ..first };
            let behind = self.lines.clone();
            match self.words(first.text) {
                Ok(words) if words.is_empty() => {}
                Ok(words) => return Some(Entry { line, starts_blank, words, broken: None }),
                Err(why) => {
                    self.lines = behind;
                    return Some(Entry { line, starts_blank, words: Vec::new(), broken: Some(why) });
                }
            }
        }
    }
}

impl Entries<'_> {
    fn words(&mut self, first: &[u8]) -> Result<Vec<Box<[u8]>>, &'static str> {
        let mut words = Vec::new();
        let mut text = first;
        let (mut is_open, mut lines, mut bytes) = (false, 1, 0);
        loop {
            bytes += text.len();
            if bytes > LINE_BYTES_MAX {
                return Err("the line is too long");
            }
            is_open = split(text, is_open, &mut words)?;
            if !is_open {
                return Ok(words);
            }
            lines += 1;
            match self.lines.next() {
                Some(line) if lines <= ENTRY_LINES_MAX => text = line.text,
                _ => return Err("a parenthesis is never closed"),
            }
        }
    }
}

/// Splits a line into words; whether a parenthesis is open behind it.
fn split(text: &[u8], mut is_open: bool, words: &mut Vec<Box<[u8]>>) -> Result<bool, &'static str> {
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        match byte {
            b';' => break,
            b'(' if is_open => return Err("a parenthesis inside another"),
            b'(' => is_open = true,
            b')' if !is_open => return Err("a parenthesis that nothing opens"),
            b')' => is_open = false,
            b'"' => {
                let end = word_end(tail, |byte| byte == b'"');
                words.push(tail.get(..end).unwrap_or(tail).into());
                rest = tail.get(end + 1..).ok_or("a quote is never closed")?;
                continue;
            }
            _ if byte.is_ascii_whitespace() => {}
            _ => {
                let end = word_end(rest, |byte| byte.is_ascii_whitespace() || b";()\"".contains(&byte));
                words.push(rest.get(..end).unwrap_or(rest).into());
                rest = rest.get(end..).unwrap_or_default();
                continue;
            }
        }
        rest = tail;
    }
    Ok(is_open)
}

/// Where the first byte stands that ends a word and has no backslash in front.
fn word_end(text: &[u8], ends: impl Fn(u8) -> bool) -> usize {
    let mut escaped = false;
    for (at, &byte) in text.iter().enumerate() {
        if !escaped && ends(byte) {
            return at;
        }
        escaped = !escaped && byte == b'\\';
    }
    text.len()
}

/// A time to live: seconds, or numbers with units (`1h30m`), at most 2^31 - 1 (RFC 2181 section 8).
pub(super) fn ttl(word: &[u8]) -> Option<u32> {
    let (mut total, mut number, mut is_counted) = (0_u64, None, true);
    for &byte in word.get(..20).unwrap_or(word) {
        let unit = match byte.to_ascii_lowercase() {
            digit @ b'0'..=b'9' => {
                number = Some(number.unwrap_or(0_u64).checked_mul(10)? + u64::from(digit - b'0'));
                is_counted = false;
                continue;
            }
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
        is_counted = true;
    }
    if !is_counted {
        total = total.checked_add(number?)?;
    }
    u32::try_from(total)
        .ok()
        .filter(|&seconds| !word.is_empty() && word.len() <= 20 && seconds <= i32::MAX.unsigned_abs())
}

/// The bytes that escapes stand for: `\.` for a sign, `\046` for a number (RFC 1035 section 5.1);
/// whether each was escaped.
pub(super) fn unescaped(word: &[u8]) -> impl Iterator<Item = Option<(u8, bool)>> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let (&byte, tail) = rest.split_first()?;
        rest = tail;
        if byte != b'\\' {
            return Some(Some((byte, false)));
        }
        let digits = rest.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit));
        let (value, used) = match digits {
            Some(digits) => (std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()), 3),
            None => (rest.first().copied().filter(|byte| !byte.is_ascii_digit()), 1),
        };
        rest = rest.get(used..).unwrap_or_default();
        Some(value.map(|byte| (byte, true)))
    })
}
