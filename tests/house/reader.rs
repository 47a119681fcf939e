//! Reads one Rust source as tokens and complains about what the house forbids.
//!
//! Tokens, so that a word in a comment or a string is no complaint, and a macro's body is read like
//! any code.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// Files that may say `unsafe`; each is audited and says why.
const UNSAFE_ALLOWED: [&str; 1] = ["resolver/src/transport/mmsg.rs"];
/// Lines in a function, from `fn` to its closing brace, at most.
const FUNCTION_LINES_MAX: usize = 70;

/// Walks the tokens of one file.
pub struct Reader<'a> {
    /// Relative to the repository.
    pub path: String,
    /// Where complaints go, one a line.
    pub complaints: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn complain(&mut self, at: &TokenTree, what: &str) {
        self.complaints.push(format!("{}:{}: {what}", self.path, at.span().start().line));
    }

    /// One level of tokens; `in_test` is whether it is test code, where other rules hold.
    pub fn read(&mut self, tokens: TokenStream, in_test: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        // Set by `#[cfg(test)]`, and good until the end of the item that it marks.
        let mut item_is_test = false;
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => {
                    let attribute = is_attribute(&tokens, at);
                    if attribute {
                        self.attribute(token, group);
                        item_is_test |= marks_test(group);
                    } else {
                        self.read(group.stream(), in_test || item_is_test);
                    }
                    if !attribute && group.delimiter() == Delimiter::Brace {
                        item_is_test = false;
                    }
                }
                TokenTree::Punct(mark) if mark.as_char() == ';' => item_is_test = false,
                TokenTree::Ident(word) if word == "fn" => self.function(&tokens, at),
                TokenTree::Ident(_) => self.word(&tokens, at, in_test || item_is_test),
                _ => {}
            }
        }
    }

    fn attribute(&mut self, token: &TokenTree, group: &Group) {
        let text = group.stream().to_string();
        if text == "ignore" || text.starts_with("ignore ") {
            self.complain(token, "an ignored test proves nothing: make it pass or delete it");
        }
        if (text.starts_with("allow") || text.starts_with("expect")) && !text.contains("reason") {
            self.complain(token, "silencing a lint needs `reason = \"…\"`");
        }
    }

    /// The words that may not stand in code, or not in this kind of code.
    fn word(&mut self, tokens: &[TokenTree], at: usize, in_test: bool) {
        let word = tokens[at].to_string();
        let next = tokens.get(at + 1);
        let macro_call = matches!(next, Some(TokenTree::Punct(mark)) if mark.as_char() == '!');
        let call =
            matches!(next, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
        let method = at > 0 && matches!(&tokens[at - 1], TokenTree::Punct(mark) if mark.as_char() == '.');
        match word.as_str() {
            "todo" | "unimplemented" | "dbg" if macro_call => {
                self.complain(&tokens[at], "unfinished code does not come in: finish it or leave it out");
            }
            "unwrap" if call && method && !in_test => {
                self.complain(
                    &tokens[at],
                    "no unwrap outside tests: return an error, or expect(\"the invariant\")",
                );
            }
            "sleep" | "sleep_ms" | "sleep_until" | "park_timeout" if call && in_test => {
                self.complain(
                    &tokens[at],
                    "tests do not sleep: wait, with a bound, for what should become true",
                );
            }
            "mod" if !in_test && names_tests(next) => {
                self.complain(&tokens[at], "say `#[cfg(test)]` above a module of tests");
            }
            "unsafe" if !UNSAFE_ALLOWED.contains(&self.path.as_str()) => {
                self.complain(&tokens[at], "no unsafe outside the audited files in UNSAFE_ALLOWED");
            }
            _ => {}
        }
    }

    /// Length of the function whose `fn` stands at `at`; without a body (traits, pointers) it has none.
    fn function(&mut self, tokens: &[TokenTree], at: usize) {
        let Some(TokenTree::Ident(name)) = tokens.get(at + 1) else {
            return;
        };
        let body = tokens[at..].iter().find_map(|token| match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(Some(group)),
            TokenTree::Punct(mark) if mark.as_char() == ';' => Some(None),
            _ => None,
        });
        let Some(Some(body)) = body else { return };
        let lines = body.span_close().end().line + 1 - tokens[at].span().start().line;
        if lines > FUNCTION_LINES_MAX {
            self.complain(
                &tokens[at],
                &format!("`{name}` has {lines} lines: keep the decisions here, move the work into leaves"),
            );
        }
    }
}

#[test]
fn the_reader_sees_what_it_forbids_and_nothing_else() {
    let long = format!("fn long() {{\n{}}}\n", "work();\n".repeat(FUNCTION_LINES_MAX));
    let complaints = |text: &str| {
        let mut complaints = Vec::new();
        let mut reader = Reader { path: "story.rs".into(), complaints: &mut complaints };
        reader.read(text.parse().unwrap(), false);
        complaints.len()
    };
    for wrong in [
        "fn a() { b().unwrap(); }",
        "fn a() { todo!() }",
        "fn a() { dbg!(1); }",
        "#[ignore] fn a() {}",
        "#[allow(dead_code)] fn a() {}",
        "unsafe fn a() {}",
        "mod tests { fn a() {} }",
        "#[cfg(test)] mod tests { fn a() { std::thread::sleep(b); } }",
        "#[cfg(test)] use b; fn a() { c().unwrap() }",
        &long,
    ] {
        assert_eq!(complaints(wrong), 1, "{wrong}");
    }
    for right in [
        "fn a() { b().unwrap_or(1); } // todo!()",
        "fn a() { b(\"unsafe\") }",
        "#[cfg(test)] mod tests { fn a() { b().unwrap(); } }",
        "#[allow(dead_code, reason = \"a seam\")] fn a() {}",
        "fn a() { sleep(b).await }",
    ] {
        assert_eq!(complaints(right), 0, "{right}");
    }
}

/// Whether a module so named is test code; `house.rs` takes files by the same names for it.
fn names_tests(module: Option<&TokenTree>) -> bool {
    let name = module.map(ToString::to_string).unwrap_or_default();
    name.ends_with("tests") || name.ends_with("fixtures")
}

/// Whether the bracket group at `at` belongs to `#[…]` or `#![…]`.
fn is_attribute(tokens: &[TokenTree], at: usize) -> bool {
    let hash = |back: usize| {
        let token = at.checked_sub(back).and_then(|before| tokens.get(before));
        matches!(token, Some(TokenTree::Punct(mark)) if mark.as_char() == '#')
    };
    let bang = at > 0 && matches!(&tokens[at - 1], TokenTree::Punct(mark) if mark.as_char() == '!');
    let bracket = matches!(&tokens[at], TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket);
    bracket && (hash(1) || (bang && hash(2)))
}

/// `#[cfg(test)]`, `#[cfg(all(test, …))]` and `#[test]`.
fn marks_test(attribute: &Group) -> bool {
    let text = attribute.stream().to_string().replace(' ', "");
    text == "test" || text == "cfg(test)" || text.starts_with("cfg(all(test,")
}
