//! Regular expressions by trying everything: groups, classes, repetitions and anchors, as the cases
//! use them.

enum Node {
    Sign(char),
    Any,
    Class(bool, Vec<(char, char)>),
    Start,
    End,
    Group(Vec<Vec<Node>>),
    Times(Box<Node>, usize, usize),
}

/// Whether an expression finds something in a name; `None` when it cannot be read, looks around or
/// back, or fits everything.
pub fn finds(text: &str, name: &str) -> Option<bool> {
    let signs: Vec<char> = text.chars().collect();
    let mut at = 0;
    let branches = branches(&signs, &mut at)?;
    if at != signs.len() || ["q", "x.y", "7-1.zz"].iter().all(|other| found(&branches, other)) {
        return None;
    }
    Some(found(&branches, name))
}

fn found(branches: &[Vec<Node>], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    (0..=name.len()).any(|start| branches.iter().any(|nodes| fits(nodes, &name, start, &|_| true)))
}

/// Tries a sequence from a place, then what comes behind it.
fn fits(nodes: &[Node], name: &[char], at: usize, then: &dyn Fn(usize) -> bool) -> bool {
    let Some((node, rest)) = nodes.split_first() else { return then(at) };
    one(node, name, at, &|next| fits(rest, name, next, then))
}

fn one(node: &Node, name: &[char], at: usize, then: &dyn Fn(usize) -> bool) -> bool {
    let sign = name.get(at).copied();
    match node {
        Node::Sign(wanted) => sign.is_some_and(|sign| sign == wanted.to_ascii_lowercase()) && then(at + 1),
        Node::Any => sign.is_some() && then(at + 1),
        Node::Class(but, ranges) => {
            let is_in = |sign: char| {
                let upper = sign.to_ascii_uppercase();
                ranges
                    .iter()
                    .any(|(from, to)| (*from..=*to).contains(&sign) || (*from..=*to).contains(&upper))
            };
            sign.is_some_and(|sign| is_in(sign) != *but) && then(at + 1)
        }
        Node::Start => at == 0 && then(at),
        Node::End => at == name.len() && then(at),
        Node::Group(branches) => branches.iter().any(|nodes| fits(nodes, name, at, then)),
        Node::Times(node, least, most) => times(node, name, at, (*least, *most), then),
    }
}

fn times(
    node: &Node,
    name: &[char],
    at: usize,
    (least, most): (usize, usize),
    then: &dyn Fn(usize) -> bool,
) -> bool {
    let again = |next: usize| {
        (next > at || least > 0) && times(node, name, next, (least.saturating_sub(1), most - 1), then)
    };
    (most > 0 && one(node, name, at, &again)) || (least == 0 && then(at))
}

fn branches(signs: &[char], at: &mut usize) -> Option<Vec<Vec<Node>>> {
    let mut all = vec![Vec::new()];
    while let Some(&sign) = signs.get(*at) {
        *at += 1;
        let node = match sign {
            '|' => {
                all.push(Vec::new());
                continue;
            }
            ')' => {
                *at -= 1;
                break;
            }
            '(' => group(signs, at)?,
            '[' => class(signs, at)?,
            '.' => Node::Any,
            '^' => Node::Start,
            '$' => Node::End,
            '\\' => escape(signs, at)?,
            '*' | '+' | '?' | '{' => return None,
            _ => Node::Sign(sign),
        };
        all.last_mut()?.push(repeated(node, signs, at)?);
    }
    Some(all)
}

fn group(signs: &[char], at: &mut usize) -> Option<Node> {
    if signs.get(*at) == Some(&'?') {
        if signs.get(*at + 1) != Some(&':') {
            return None;
        }
        *at += 2;
    }
    let inner = branches(signs, at)?;
    (signs.get(*at) == Some(&')')).then(|| *at += 1)?;
    Some(Node::Group(inner))
}

fn class(signs: &[char], at: &mut usize) -> Option<Node> {
    let but = signs.get(*at) == Some(&'^');
    *at += usize::from(but);
    let mut ranges = Vec::new();
    loop {
        let mut sign = *signs.get(*at)?;
        *at += 1;
        match sign {
            ']' if !ranges.is_empty() => return Some(Node::Class(but, ranges)),
            '\\' => match escape(signs, at)? {
                Node::Class(false, inner) => {
                    ranges.extend(inner);
                    continue;
                }
                Node::Sign(escaped) => sign = escaped,
                _ => return None,
            },
            _ => {}
        }
        let is_range = signs.get(*at) == Some(&'-') && signs.get(*at + 1).is_some_and(|next| *next != ']');
        let to = if is_range { *signs.get(*at + 1)? } else { sign };
        *at += if is_range { 2 } else { 0 };
        ranges.push((sign, to));
    }
}

fn escape(signs: &[char], at: &mut usize) -> Option<Node> {
    let sign = *signs.get(*at)?;
    *at += 1;
    let words = vec![('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')];
    match sign {
        'd' => Some(Node::Class(false, vec![('0', '9')])),
        'D' => Some(Node::Class(true, vec![('0', '9')])),
        'w' => Some(Node::Class(false, words)),
        'W' => Some(Node::Class(true, words)),
        _ if sign.is_ascii_alphanumeric() => None,
        _ => Some(Node::Sign(sign)),
    }
}

fn repeated(node: Node, signs: &[char], at: &mut usize) -> Option<Node> {
    const MANY: usize = 300;
    let bounds = match signs.get(*at) {
        Some('*') => (0, MANY),
        Some('+') => (1, MANY),
        Some('?') => (0, 1),
        Some('{') => {
            let inner: String = signs[*at + 1..].iter().take_while(|sign| **sign != '}').collect();
            *at += inner.len() + 1;
            let (least, most) = inner.split_once(',').unwrap_or((&inner, &inner));
            let most = if most.is_empty() { MANY } else { most.parse().ok()? };
            (least.parse().ok()?, most)
        }
        _ => return Some(node),
    };
    *at += 1;
    // Lazy or not, what is found is the same.
    *at += usize::from(signs.get(*at) == Some(&'?'));
    Some(Node::Times(Box::new(node), bounds.0, bounds.1))
}
