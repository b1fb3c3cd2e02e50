use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::document::Document;
use crate::{Config, Problem, Problems, check, known};

/// Where settings come from. Later ones win: the file, the environment, `--set`.
#[derive(Clone, Copy, Default)]
pub struct Sources<'a> {
    /// A TOML file.
    pub file: Option<&'a Path>,
    /// Environment variables; those named like `ONAIR_HTTP__LISTEN` are settings.
    pub environment: &'a [(String, String)],
    /// Texts like `http.listen=[::]:80`.
    pub set: &'a [String],
}

impl Config {
    /// Reads, merges and checks. What is wrong is told all at once, each with its place.
    pub fn load(sources: Sources<'_>) -> Result<Self, Problems> {
        let document = sources.file.map(open).transpose().map_err(|problem| Problems(vec![problem]))?;
        let mut problems = Vec::new();
        let mut settings = Vec::new();

        if let Some(document) = &document {
            match DeTable::parse(document.text()) {
                Ok(table) => settings.extend(from_table(document, table.into_inner())),
                Err(error) => {
                    let span = error.span().unwrap_or_default();
                    return Err(Problems(vec![in_file(document, &span, error.message().into())]));
                }
            }
        }
        for (name, value) in sources.environment {
            match from_variable(name, value) {
                Some(Ok(setting)) => settings.push(setting),
                Some(Err(problem)) => problems.push(problem),
                None => {}
            }
        }
        for text in sources.set {
            match from_flag(text) {
                Ok(setting) => settings.push(setting),
                Err(problem) => problems.push(problem),
            }
        }

        settings.retain(|setting| match setting.problem() {
            Some(problem) => {
                problems.push(problem);
                false
            }
            None => true,
        });
        let config = merge(&settings).map_err(|error| {
            let what = error.message().to_owned();
            Problems(vec![Problem { place: "settings".into(), what, snippet: None }])
        })?;
        for issue in check::issues(&config) {
            // Blame what was written last; a default is at fault only together with something written.
            let blamed = settings.iter().rev().find(|setting| issue.settings.contains(&setting.key.as_str()));
            let place = blamed.map_or_else(
                || Problem { place: "defaults".into(), what: issue.what.clone(), snippet: None },
                |setting| setting.at(issue.entry, issue.what.clone()),
            );
            problems.push(place);
        }
        if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
    }
}

/// One setting as somebody wrote it.
struct Setting<'a> {
    /// `section.name`; only one of both if that is what was written.
    key: String,
    value: Spanned<DeValue<'a>>,
    source: Source<'a>,
}

enum Source<'a> {
    File { document: &'a Document, key: Range<usize> },
    Variable(&'a str),
    Flag,
}

impl Setting<'_> {
    /// What is wrong with it, taken by itself.
    fn problem(&self) -> Option<Problem> {
        if !known::settings().contains(&self.key) {
            return Some(self.unknown());
        }
        let error = self.read().err()?;
        let message = error.message().trim_end();
        // serde quotes what it found, which in here may be a key in the wrong place.
        let quotes = ["invalid type", "invalid value", "unknown field"].iter().any(|start| message.starts_with(start));
        let what = if self.key.starts_with("access.") && quotes && self.key != "access.loopback_publishes" {
            "must be a list such as `[{ path = \"live/*\", key = \"…\" }]`".into()
        } else if self.key == "webrtc.ice_servers" && quotes {
            "must be a list such as `[{ url = \"turn:turn.example.org:3478\", secret = \"…\" }]`".into()
        } else {
            message.to_owned()
        };
        Some(match &self.source {
            Source::File { document, .. } => {
                let span = error.span().filter(|span| !span.is_empty()).unwrap_or_else(|| self.value.span());
                in_file(document, &span, format!("`{}`: {what}", self.key))
            }
            _ => self.at(None, what),
        })
    }

    fn read(&self) -> Result<Config, toml::de::Error> {
        merge(std::slice::from_ref(self))
    }

    fn unknown(&self) -> Problem {
        match &self.source {
            Source::File { document, key } => in_file(document, key, known::unknown(&self.key, |key| key.to_owned())),
            Source::Variable(name) => Problem {
                place: "environment".into(),
                what: known::unknown(&self.key, |key| if key == self.key { (*name).into() } else { variable(key) }),
                snippet: None,
            },
            Source::Flag => Problem {
                place: format!("--set {}", self.key),
                what: known::unknown(&self.key, |key| key.to_owned()),
                snippet: None,
            },
        }
    }

    /// A problem at the value, or at one entry of it if it is a list.
    fn at(&self, entry: Option<usize>, what: String) -> Problem {
        match &self.source {
            Source::File { document, .. } => {
                let list = self.value.get_ref().as_array();
                let entry = entry.and_then(|index| list?.get(index)).unwrap_or(&self.value);
                in_file(document, &entry.span(), format!("`{}`: {what}", self.key))
            }
            Source::Variable(name) => Problem { place: format!("environment variable {name}"), what, snippet: None },
            Source::Flag => Problem { place: format!("--set {}", self.key), what, snippet: None },
        }
    }
}

/// Lays settings over the defaults; of equal ones the last wins.
fn merge(settings: &[Setting<'_>]) -> Result<Config, toml::de::Error> {
    let mut root = DeTable::new();
    for setting in settings {
        let (section, name) = setting.key.split_once('.').unwrap_or((&setting.key, ""));
        let table = root
            .entry(Spanned::new(0..0, section.to_owned().into()))
            .or_insert_with(|| Spanned::new(0..0, DeValue::Table(DeTable::new())));
        if let DeValue::Table(table) = table.get_mut() {
            table.insert(Spanned::new(0..0, name.to_owned().into()), setting.value.clone());
        }
    }
    Config::deserialize(toml::de::Deserializer::from(Spanned::new(0..0, root)))
}

fn open(path: &Path) -> Result<Document, Problem> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Document::new(name, text)),
        Err(error) => Err(Problem { place: name, what: format!("cannot be read: {error}"), snippet: None }),
    }
}

fn in_file(document: &Document, span: &Range<usize>, what: String) -> Problem {
    Problem { place: document.place(span), what, snippet: document.snippet(span) }
}

fn from_table<'a>(document: &'a Document, table: DeTable<'a>) -> Vec<Setting<'a>> {
    let mut settings = Vec::new();
    for (section, value) in table {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(names) => settings.extend(names.into_iter().map(|(name, value)| Setting {
                key: format!("{}.{}", section.get_ref(), name.get_ref()),
                value,
                source: Source::File { document, key: name.span() },
            })),
            value => settings.push(Setting {
                key: section.get_ref().to_string(),
                value: Spanned::new(span, value),
                source: Source::File { document, key: section.span() },
            }),
        }
    }
    // In the order of the file, which is the order in which a person mends it.
    settings.sort_by_key(|setting| setting.value.span().start);
    settings
}

/// `http.listen` → `ONAIR_HTTP__LISTEN`.
fn variable(key: &str) -> String {
    format!("ONAIR_{}", key.replace('.', "__").to_uppercase())
}

/// `None` for variables that are none of our business. Among those are the ones without a double underscore that merely
/// begin like ours: container platforms set some after the name of a service (`ONAIR_PORT=tcp://…`).
fn from_variable<'a>(name: &'a str, value: &'a str) -> Option<Result<Setting<'a>, Problem>> {
    let rest = name.strip_prefix("ONAIR_")?;
    if let Some((section, setting)) = rest.split_once("__") {
        let key = format!("{}.{}", section.to_lowercase(), setting.to_lowercase());
        let source = Source::Variable(name);
        return Some(Ok(Setting { value: value_of(&key, value), key, source }));
    }
    let meant =
        known::settings().into_iter().map(|key| variable(&key)).find(|known| known.replace("__", "_") == name)?;
    Some(Err(Problem {
        place: format!("environment variable {name}"),
        what: format!("did you mean `{meant}`, with two underscores after the section?"),
        snippet: None,
    }))
}

fn from_flag(text: &str) -> Result<Setting<'_>, Problem> {
    let Some((key, value)) = text.split_once('=') else {
        return Err(Problem {
            place: format!("--set {text}"),
            what: "a setting has the form `section.name=value`".into(),
            snippet: None,
        });
    };
    let key = key.trim().to_owned();
    Ok(Setting { value: value_of(&key, value), key, source: Source::Flag })
}

/// A value from outside a file is TOML if that is what the setting takes, else plain text: nobody has to write
/// `--set 'hls.part="200ms"'`.
fn value_of<'a>(key: &str, text: &'a str) -> Spanned<DeValue<'a>> {
    let plain = Spanned::new(0..0, DeValue::String(text.into()));
    let Ok(toml) = DeValue::parse(text) else { return plain };
    let fits = |value: &Spanned<DeValue<'a>>| {
        let value = value.clone();
        merge(&[Setting { key: key.to_owned(), value, source: Source::Flag }]).is_ok()
    };
    let is_text_at_best = !matches!(toml.get_ref(), DeValue::Array(_) | DeValue::Table(_));
    if !fits(&toml) && (is_text_at_best || fits(&plain)) { plain } else { toml }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
