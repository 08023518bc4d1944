//! Finds the paths in a Rust file, with a minimal grammar instead of a parser.

use std::mem;

/// The paths in the code and their lines; `use a::{b, c}` has two.
pub fn paths(source: &str) -> Vec<(usize, Vec<&str>)> {
    let tokens = tokens(source);
    let text = |at: usize| tokens.get(at).map_or("", |(_, text)| *text);

    let mut found = Vec::new();
    let (mut path, mut groups, mut in_use) = (Vec::new(), Vec::new(), false);
    let mut at = 0;
    while let Some((line, name)) = tokens.get(at) {
        let continues = at > 0 && text(at - 1) == "::";
        match *name {
            "#" => at += test_item(&tokens[at..]),
            "use" => in_use = text(at + 1) != "<",
            ";" => in_use = false,
            "as" if in_use => at += 1,
            "{" if continues => groups.push(mem::take(&mut path)),
            "}" if in_use => drop(groups.pop()),
            "async" => found.push((*line, vec!["async"])),
            name if is_word(name) || (name == "*" && continues) => {
                if !continues {
                    path = groups.last().cloned().unwrap_or_default();
                }
                path.push(name);

                let next = text(at + 2);
                let goes_on = text(at + 1) == "::" && (is_word(next) || ["{", "*"].contains(&next));
                if !goes_on && (in_use || path.len() > 1) {
                    found.push((*line, mem::take(&mut path)));
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The number of tokens to skip if they begin with a module or import for tests only, else 0.
fn test_item(tokens: &[(usize, &str)]) -> usize {
    let mut texts = tokens.iter().map(|(_, text)| *text);
    if !texts
        .by_ref()
        .take(7)
        .eq(["#", "[", "cfg", "(", "test", ")", "]"])
    {
        return 0;
    }

    let (mut depth, mut is_exempt) = (0, false);
    for (at, text) in texts.enumerate() {
        match text {
            "mod" | "use" => is_exempt = true,
            "{" if !is_exempt => return 0,
            "{" => depth += 1,
            "}" => depth -= 1,
            ";" => {}
            _ => continue,
        }
        if depth == 0 && matches!(text, "}" | ";") {
            return if is_exempt { at + 7 } else { 0 };
        }
    }
    0
}

/// Words, `::` and single other characters, each with its line.
fn tokens(source: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let skipped = comment_or_literal(rest);
        let length = match skipped {
            0 if is_word(rest) => rest.find(|c| !is_word_char(c)).unwrap_or(rest.len()),
            0 if rest.starts_with("::") => 2,
            0 => first.len_utf8(),
            skipped => skipped,
        };
        let (text, behind) = rest.split_at(length);
        if skipped == 0 && !first.is_whitespace() {
            tokens.push((line, text));
        }
        line += text.matches('\n').count();
        rest = behind;
    }
    tokens
}

fn is_word(text: &str) -> bool {
    text.starts_with(is_word_char)
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the comment or literal at the start of `code`, else 0.
fn comment_or_literal(code: &str) -> usize {
    let behind = |end: &str, from: usize| {
        code[from..]
            .find(end)
            .map_or(code.len(), |at| from + at + end.len())
    };
    let mut chars = code.chars();
    match (chars.next(), chars.next(), chars.next()) {
        (Some('/'), Some('/'), _) => behind("\n", 2),
        (Some('/'), Some('*'), _) => behind("*/", 2),
        (Some('\''), Some('\\'), Some(escaped)) => behind("'", 2 + escaped.len_utf8()),
        (Some('\''), Some(c), Some('\'')) => 2 + c.len_utf8(),
        (Some('"'), ..) => string(code),
        (Some('r' | 'b'), ..) => raw_string(code).unwrap_or(0),
        _ => 0,
    }
}

fn string(code: &str) -> usize {
    let mut escaped = false;
    let is_end = |c| {
        let is_end = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        is_end
    };
    code[1..].find(is_end).map_or(code.len(), |at| at + 2)
}

fn raw_string(code: &str) -> Option<usize> {
    let opening = code.strip_prefix("br").or_else(|| code.strip_prefix('r'))?;
    let text = opening.trim_start_matches('#').strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(opening.len() - text.len() - 1));
    let length = text.find(&end).map_or(text.len(), |at| at + end.len());
    Some(code.len() - text.len() + length)
}
