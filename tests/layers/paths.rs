//! Finds the paths that a source names, without compiling it.

/// The module that a file is.
pub(crate) fn module(file: &str) -> Vec<String> {
    let name = file.trim_end_matches(".rs");
    let name = name.strip_suffix("/mod").unwrap_or(name);
    let parts = name.split('/').filter(|part| *part != "lib");
    ["crate"]
        .into_iter()
        .chain(parts)
        .map(str::to_owned)
        .collect()
}

/// `path` as seen from the root of the crate.
fn absolute(home: &[String], path: Vec<String>) -> Vec<String> {
    let mut base = home.to_vec();
    let mut rest = path.as_slice();
    match rest.first().map(String::as_str) {
        Some("self") => rest = &rest[1..],
        Some("super") => {}
        _ => return path,
    }
    while rest.first().is_some_and(|part| part == "super") {
        base.pop();
        rest = &rest[1..];
    }
    base.extend_from_slice(rest);
    base
}

/// Every path of the tokens as seen from the root of the crate, with the trees
/// of `use` spread out.
pub(crate) fn paths(mut home: Vec<String>, tokens: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let (mut at, mut depth, mut inline) = (0, 0, Vec::new());
    while at < tokens.len() {
        let next = |ahead: usize| tokens.get(at + ahead).map(String::as_str);
        let starts = is_word(&tokens[at]) && (at == 0 || !["::", "."].contains(&&*tokens[at - 1]));
        match tokens[at].as_str() {
            "use" if next(1) != Some("<") => {
                let mut tree_of = Vec::new();
                at = tree(tokens, at + 1, &mut Vec::new(), &mut tree_of);
                found.extend(tree_of.into_iter().map(|path| absolute(&home, path)));
                continue;
            }
            "mod" if next(2) == Some("{") => {
                home.extend(next(1).map(str::to_owned));
                inline.push(depth);
            }
            "crate" if at > 0 && tokens[at - 1] == "extern" => {
                found.extend(next(1).map(|name| vec![name.to_owned()]));
            }
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if inline.last() == Some(&depth) {
                    home.pop();
                    inline.pop();
                }
            }
            word if starts && matches!(next(1), Some("::" | "!")) => {
                let mut path = vec![word.to_owned()];
                while let [colons, word, ..] = &tokens[at + 1..]
                    && colons == "::"
                    && is_word(word)
                {
                    path.push(word.clone());
                    at += 2;
                }
                found.push(absolute(&home, path));
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// One branch of a `use` that starts at `at`; gives where it ends.
fn tree(
    tokens: &[String],
    mut at: usize,
    prefix: &mut Vec<String>,
    found: &mut Vec<Vec<String>>,
) -> usize {
    let depth = prefix.len();
    while let Some(token) = tokens.get(at) {
        match token.as_str() {
            "{" => {
                at += 1;
                while tokens
                    .get(at)
                    .is_some_and(|token| token != "}" && token != ";")
                {
                    at = tree(tokens, at, prefix, found);
                    at += usize::from(tokens.get(at).is_some_and(|token| token == ","));
                }
                prefix.truncate(depth);
                return at + 1;
            }
            "as" => at += 1,
            "," | ";" | "}" => break,
            "::" => {}
            "self" if !prefix.is_empty() => {}
            word if at > 0 && tokens[at - 1] != "as" => prefix.push(word.to_owned()),
            _ => {}
        }
        at += 1;
    }
    found.push(prefix.clone());
    prefix.truncate(depth);
    at
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Words, `::` and single signs; without comments, strings and characters.
pub(crate) fn tokens(source: &str) -> Vec<String> {
    let text: Vec<char> = source.chars().collect();
    let is = |at: usize, what: &str| {
        what.chars()
            .enumerate()
            .all(|(i, c)| text.get(at + i) == Some(&c))
    };
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let c = text[at];
        if is(at, "//") {
            while at < text.len() && text[at] != '\n' {
                at += 1;
            }
        } else if is(at, "/*") {
            let mut depth = 0;
            loop {
                if is(at, "/*") {
                    (depth, at) = (depth + 1, at + 2);
                } else if is(at, "*/") {
                    (depth, at) = (depth - 1, at + 2);
                } else {
                    at += 1;
                }
                if depth == 0 || at >= text.len() {
                    break;
                }
            }
        } else if c == '"' {
            at += 1;
            while at < text.len() && text[at] != '"' {
                at += if text[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if c == '\'' {
            // A lifetime has no closing quote behind its first letter.
            if is(at + 1, "\\") {
                at += 3;
                while at < text.len() && text[at] != '\'' {
                    at += 1;
                }
                at += 1;
            } else {
                at += if is(at + 2, "'") { 3 } else { 1 };
            }
        } else if c.is_alphanumeric() || c == '_' {
            let start = at;
            while at < text.len() && (text[at].is_alphanumeric() || text[at] == '_') {
                at += 1;
            }
            let word: String = text[start..at].iter().collect();
            let hashes = text[at..].iter().take_while(|c| **c == '#').count();
            if ["r", "br", "cr"].contains(&&*word) && is(at + hashes, "\"") {
                let end = format!("\"{}", "#".repeat(hashes));
                at += hashes + 1;
                while at < text.len() && !is(at, &end) {
                    at += 1;
                }
                at += end.len();
            } else {
                tokens.push(word);
            }
        } else if is(at, "::") {
            tokens.push("::".to_owned());
            at += 2;
        } else {
            if !c.is_whitespace() {
                tokens.push(c.to_string());
            }
            at += 1;
        }
    }
    tokens
}
