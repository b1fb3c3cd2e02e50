use std::fmt;

/// Everything that is wrong with a configuration, in the order of its sources.
#[derive(Clone, PartialEq, Eq)]
pub struct Problems(pub(crate) Vec<Problem>);

/// One thing that is wrong, and where. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `onair.toml:3:10`, `environment variable ONAIR_HTTP__LISTEN`, `--set http.listen`.
    pub place: String,
    /// What, in a sentence.
    pub what: String,
    /// The line of the file with a mark below, where it can be shown.
    pub snippet: Option<String>,
}

impl Problems {
    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// As people read it, so that a failing test shows the same.
impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)?;
        self.snippet.as_ref().map_or(Ok(()), |snippet| write!(f, "\n{snippet}"))
    }
}

impl std::error::Error for Problems {}
