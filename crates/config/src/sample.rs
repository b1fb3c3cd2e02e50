use std::fmt::Write;

use schemars::schema_for;

use crate::Config;

/// How wide comments run.
const WIDTH: usize = 100;

/// A configuration file that says everything that can be set, with the defaults, all commented out.
///
/// Prose begins with `# `, a setting with `#` alone: taking those away leaves a file that sets every default.
pub fn sample() -> String {
    let schema = schema_for!(Config).to_value();
    let mut text = String::new();
    prose(
        &mut text,
        "Settings of Onair. Each line shows a default: take away the `#` before one to change it.\n\n\
         Every setting can also be given by the environment, such as `ONAIR_HTTP__LISTEN=[::]:80`, and on the command \
         line, such as `--set http.listen=[::]:80`. The command line wins over the environment, and that over this \
         file. `onair check` says whether all is well.",
    );
    let mut section = schema.clone();
    for line in toml::to_string(&Config::default()).unwrap_or_default().lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let pointer = schema["properties"][name]["$ref"].as_str().unwrap_or_default();
            section = schema.pointer(pointer.trim_start_matches('#')).cloned().unwrap_or_default();
            text.push('\n');
            prose(&mut text, section["description"].as_str().unwrap_or_default());
            let _ = writeln!(text, "[{name}]");
        } else if let Some((name, _)) = line.split_once(" = ") {
            text.push('\n');
            prose(&mut text, section["properties"][name]["description"].as_str().unwrap_or_default());
            let _ = writeln!(text, "#{line}");
        }
    }
    text
}

/// Writes text as comments, wrapped; an empty line divides paragraphs.
fn prose(out: &mut String, text: &str) {
    for (index, paragraph) in text.split("\n\n").enumerate() {
        if index > 0 {
            out.push_str("#\n");
        }
        let mut line = String::from("#");
        for word in words(paragraph) {
            if line.len() + 1 + word.len() > WIDTH {
                let _ = writeln!(out, "{line}");
                line = String::from("#");
            }
            line.push(' ');
            line.push_str(word);
        }
        let _ = writeln!(out, "{line}");
    }
}

/// Words, with what stands in backticks kept whole: a line to copy must not be torn.
fn words(text: &str) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c: char| {
        quoted ^= c == '`';
        c.is_whitespace() && !quoted
    })
    .filter(|word| !word.is_empty())
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_holds_every_default() {
        let bare: String = sample()
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(setting) if !setting.starts_with(' ') => setting,
                _ => line,
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        assert_eq!(toml::from_str::<Config>(&bare).unwrap(), Config::default());
        let parsed: toml::Table = bare.parse().unwrap();
        assert_eq!(toml::Value::Table(parsed), toml::Value::try_from(Config::default()).unwrap());
    }

    #[test]
    fn the_sample_as_it_is_changes_nothing() {
        assert_eq!(toml::from_str::<Config>(&sample()).unwrap(), Config::default());
    }

    #[test]
    fn every_setting_is_explained() {
        let text = sample();
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2) {
            if pair[1].starts_with('#') && pair[1].contains(" = ") && !pair[1].starts_with("# ") {
                assert!(pair[0].starts_with("# "), "{} stands without a word", pair[1]);
            }
        }
        assert!(lines.iter().all(|line| line.len() <= WIDTH + 10), "too wide");
    }

    #[test]
    fn the_sample_in_the_docs_is_up_to_date() {
        let committed = include_str!("../../../docs/onair.toml");
        assert_eq!(committed, sample(), "run: cargo run -- sample-config > docs/onair.toml");
    }
}
