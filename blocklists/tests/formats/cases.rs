//! Case files: a list as it is written, then questions with the verdict that its format demands.
//!
//! ```text
//! == A plain name covers itself and all below
//! ~ match exact
//! a.example
//! --
//! a.example         block
//! www.a.example AAAA  open
//! answer 192.0.2.1  block
//! : entries 1, rejected 0
//! ```
//!
//! `==e` instead of `==`: the list is written with escapes (`\r`, `\0`, `\xff`) and nothing ends its
//! lines but `\n`, `\r` or the end of a line that has no `\` at its own end. `{a*63}` is 63 times `a`.
//! `%% name` starts another file of the same source. Verdicts are words; see `asked`.

use std::collections::BTreeMap;
use std::fmt;

use blocklists::category::CategoryId;
use blocklists::source::{Actions, Format, Location, Source, Span, Trust};

/// One list and what it must say.
pub struct Case {
    pub title: String,
    /// Where it stands in the file of cases.
    pub line: usize,
    pub source: Source,
    /// Names and contents.
    pub files: Vec<(String, Vec<u8>)>,
    pub questions: Vec<Question>,
    pub counts: Vec<(String, u64)>,
}

/// One question and its answer.
pub struct Question {
    pub line: usize,
    pub subject: Asking,
    pub verdict: String,
}

#[derive(Debug, Clone)]
pub enum Asking {
    Name(String, String),
    Answer(std::net::IpAddr),
    Client(std::net::IpAddr),
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} should be `{}`", self.subject, self.verdict)
    }
}

/// Reads a file of cases.
pub fn cases(format: Format, text: &str) -> Vec<Case> {
    let mut all: Vec<Case> = Vec::new();
    let (mut in_list, mut escaped) = (false, false);
    for (number, line) in text.lines().enumerate().map(|(number, line)| (number + 1, line)) {
        if let Some(title) = line.strip_prefix("== ").or(line.strip_prefix("==e ")) {
            (in_list, escaped) = (true, line.starts_with("==e"));
            all.push(Case {
                title: title.to_owned(),
                line: number,
                source: source(format),
                files: Vec::new(),
                questions: Vec::new(),
                counts: Vec::new(),
            });
            continue;
        }
        let Some(case) = all.last_mut() else { continue };
        let line = &*repeated(line);
        match line {
            "--" => in_list = false,
            _ if in_list => case.list_line(line, escaped),
            _ if line.trim().is_empty() || line.starts_with('#') => {}
            _ => match line.strip_prefix(": ") {
                Some(counts) => case.counts.extend(counts.split(", ").map(count)),
                None => case.questions.push(question(number, line)),
            },
        }
    }
    all
}

impl Case {
    fn list_line(&mut self, line: &str, escaped: bool) {
        if let Some(option) = line.strip_prefix("~ ").filter(|_| self.files.is_empty()) {
            return self.set(option);
        }
        if let Some(name) = line.strip_prefix("%% ") {
            return self.files.push((name.to_owned(), Vec::new()));
        }
        if self.files.is_empty() {
            self.files.push((String::new(), Vec::new()));
        }
        let (_, bytes) = self.files.last_mut().unwrap();
        if escaped {
            let line = line.strip_suffix('\\').map_or((line, true), |line| (line, false));
            bytes.extend(unescaped(line.0));
            if line.1 {
                bytes.push(b'\n');
            }
        } else {
            bytes.extend(line.as_bytes());
            bytes.push(b'\n');
        }
    }

    fn set(&mut self, option: &str) {
        match option.split_once(' ').unwrap() {
            ("match", "exact") => self.source.span = Some(Span::Exact),
            ("match", "subtree") => self.source.span = Some(Span::Subtree),
            ("actions", "policy") => self.source.actions = Actions::Policy,
            ("category", category) => self.source.category = CategoryId::new(category),
            ("map", pair) => {
                let (folder, category) = pair.split_once(" = ").unwrap();
                self.source.map.insert(folder.to_owned(), CategoryId::new(category).unwrap());
            }
            _ => panic!("{option}"),
        }
    }
}

fn source(format: Format) -> Source {
    Source {
        id: "case".to_owned(),
        category: CategoryId::new("games").filter(|_| format != Format::Ut1),
        format,
        location: Location::Path("case".into()),
        span: None,
        trust: Trust::Core,
        map: BTreeMap::new(),
        licence: None,
        locked: false,
        actions: Actions::Entry,
    }
}

/// `{ab*3}` is `ababab`.
fn repeated(line: &str) -> String {
    let mut out = line.to_owned();
    while let Some((front, (inner, behind))) =
        out.split_once('{').and_then(|(front, rest)| Some((front, rest.split_once('}')?)))
    {
        let Some((unit, Ok(times))) = inner.split_once('*').map(|(unit, times)| (unit, times.parse())) else {
            break;
        };
        out = format!("{front}{}{behind}", unit.repeat(times));
    }
    out
}

/// `name verdict`, `name TYPE verdict`, `answer address verdict`, `client address verdict`.
fn question(line: usize, text: &str) -> Question {
    let mut words = text.split_whitespace().peekable();
    let first = words.next().unwrap();
    let subject = match first {
        "answer" => Asking::Answer(words.next().unwrap().parse().unwrap()),
        "client" => Asking::Client(words.next().unwrap().parse().unwrap()),
        _ => {
            let is_type = |word: &&str| word.starts_with(|sign: char| sign.is_ascii_uppercase());
            let rtype = words.next_if(is_type).unwrap_or("A");
            Asking::Name(first.to_owned(), rtype.to_owned())
        }
    };
    let verdict = words.collect::<Vec<_>>().join(" ");
    assert!(!verdict.is_empty(), "line {line}: {text}");
    Question { line, subject, verdict }
}

fn count(text: &str) -> (String, u64) {
    let (name, number) = text.rsplit_once(' ').unwrap();
    (name.trim().to_owned(), number.parse().unwrap())
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(sign) = rest.chars().next() {
        rest = &rest[sign.len_utf8()..];
        if sign != '\\' {
            out.extend(sign.to_string().into_bytes());
            continue;
        }
        let (byte, used) = match rest.as_bytes()[0] {
            b'r' => (b'\r', 1),
            b'n' => (b'\n', 1),
            b't' => (b'\t', 1),
            b'0' => (0, 1),
            b'\\' => (b'\\', 1),
            b'x' => (u8::from_str_radix(&rest[1..3], 16).unwrap(), 3),
            other => panic!("\\{}", char::from(other)),
        };
        out.push(byte);
        rest = &rest[used..];
    }
    out
}
