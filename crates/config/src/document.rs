use std::ops::Range;

/// The text of a configuration file, for pointing into it.
pub(crate) struct Document {
    name: String,
    text: String,
}

impl Document {
    pub(crate) fn new(name: String, text: String) -> Self {
        Self { name, text }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// `onair.toml:3:10`, counted from one, in characters.
    pub(crate) fn place(&self, span: &Range<usize>) -> String {
        let (number, line, start) = self.line(span.start);
        let column = line.get(..span.start.saturating_sub(start)).unwrap_or(line).chars().count() + 1;
        format!("{}:{number}:{column}", self.name)
    }

    /// The line with a mark below the span, or `None` where it might show a secret.
    ///
    /// Nothing of `[access]` and `webrtc.ice_servers` is shown, and of other lines no quoted text but the one at fault: a secret may stand there
    /// too, below a misspelt heading.
    pub(crate) fn snippet(&self, span: &Range<usize>) -> Option<String> {
        let (number, line, start) = self.line(span.start);
        if self.may_hold_secrets(start + line.len()) {
            return None;
        }
        let from = span.start.saturating_sub(start).min(line.len());
        let to = span.end.saturating_sub(start).clamp(from, line.len());
        let (before, fault, after) = (line.get(..from)?, line.get(from..to)?, line.get(to..)?);
        let before = without_quotes(before);
        let gap = " ".repeat(number.to_string().len());
        Some(format!(
            "  {number} | {before}{fault}{}\n  {gap} | {}{}",
            without_quotes(after),
            " ".repeat(before.chars().count()),
            "^".repeat(fault.chars().count().max(1)),
        ))
    }

    /// The number from one, the text and the offset of the line that holds a byte.
    fn line(&self, at: usize) -> (usize, &str, usize) {
        let before = self.text.get(..at.min(self.text.len())).unwrap_or(&self.text);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let rest = self.text.get(start..).unwrap_or_default();
        (before.matches('\n').count() + 1, rest.lines().next().unwrap_or_default(), start)
    }

    fn may_hold_secrets(&self, end: usize) -> bool {
        let before = self.text.get(..end).unwrap_or(&self.text);
        let is_heading = |line: &&str| line.trim_start().starts_with('[') && line.trim_end().ends_with(']');
        let section = before.lines().collect::<Vec<_>>();
        let from = section.iter().rposition(is_heading).unwrap_or(0);
        section[from..].iter().any(|line| line.contains("access") || line.contains("ice_servers"))
    }
}

fn without_quotes(text: &str) -> String {
    let mut quote = None;
    let mut shown = String::new();
    for c in text.chars() {
        match (quote, c) {
            (None, '"' | '\'') => {
                quote = Some(c);
                shown.extend([c, '…']);
            }
            (Some(open), c) if c == open => {
                quote = None;
                shown.push(c);
            }
            (Some(_), _) => {}
            (None, c) => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snippet(text: &str, fault: &str) -> Option<String> {
        let at = text.find(fault).unwrap();
        Document::new("f".into(), text.into()).snippet(&(at..at + fault.len()))
    }

    #[test]
    fn a_snippet_marks_the_fault_below_its_line() {
        assert_eq!(
            snippet("[http]\nlisten = \"x\" # why\n", "\"x\"").unwrap(),
            "  2 | listen = \"x\" # why\n    |          ^^^"
        );
    }

    #[test]
    fn a_snippet_shows_no_other_quoted_text() {
        let shown = snippet("acess = { publish = [{ path = \"a\", key = \"canary\" }] }", "acess").unwrap();
        assert!(!shown.contains("canary"), "{shown}");
    }

    /// F11.
    #[test]
    fn nothing_of_the_access_section_is_shown() {
        for text in [
            "[access]\npublish = [{ path = \"a\", key = canary }]\n",
            "[access]\npublish = [\n  { path = \"a\", key = canary },\n]\n",
            "access.publish = [\n  { path = \"a\", key = canary },\n]\n",
            "[[access.publish]]\npath = \"a\"\nkey = canary\n",
            "access = { publish = [{ key = canary }] }",
        ] {
            assert_eq!(snippet(text, "canary"), None, "{text}");
        }
        assert!(snippet("[access]\npublish = []\n[http]\nlisten = canary", "canary").is_some());
    }

    #[test]
    fn a_span_beyond_the_text_is_harmless() {
        let document = Document::new("f".into(), "ä = 1".into());
        assert_eq!(document.place(&(999..1000)), "f:1:6");
        assert_eq!(document.place(&(1..2)), "f:1:6");
        document.snippet(&(1..2));
        document.snippet(&(999..1000));
    }
}
