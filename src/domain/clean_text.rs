//! Text from outside, made safe to store and to show.

/// Takes control characters out (PostgreSQL refuses NUL in text), and the blanks around; keeps at
/// most `max_chars` characters. `None` when nothing is left.
pub fn clean(text: &str, max_chars: usize) -> Option<String> {
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    let kept: String = clean.trim().chars().take(max_chars).collect();
    let kept = kept.trim_end();
    (!kept.is_empty()).then(|| kept.to_owned())
}
