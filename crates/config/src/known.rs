//! The settings there are, and which one was meant.

use crate::Config;

/// Every setting as `section.name`, in the order of the sections.
pub(crate) fn settings() -> Vec<String> {
    let toml::Value::Table(sections) = toml::Value::try_from(Config::default()).unwrap_or(toml::Value::Boolean(false))
    else {
        return Vec::new();
    };
    sections
        .iter()
        .filter_map(|(section, names)| Some((section, names.as_table()?)))
        .flat_map(|(section, names)| names.keys().map(move |name| format!("{section}.{name}")))
        .collect()
}

/// The known setting that looks most like this one, if any looks like it.
pub(crate) fn closest(key: &str) -> Option<String> {
    let name = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let likeness = |known: &String| {
        let whole = strsim::normalized_damerau_levenshtein(known, key);
        // The right name in the wrong section, or none.
        if name(known) == name(key) { whole.max(0.7) + whole / 10.0 } else { whole }
    };
    settings()
        .into_iter()
        .map(|known| (likeness(&known), known))
        .filter(|(likeness, _)| *likeness >= 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

/// What to say about a setting that does not exist.
pub(crate) fn unknown(key: &str, show: impl Fn(&str) -> String) -> String {
    match closest(key) {
        Some(meant) => format!("there is no setting `{}`; did you mean `{}`?", show(key), show(&meant)),
        None => format!("there is no setting `{}`; `onair sample-config` shows them all", show(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_setting_is_recognised() {
        assert_eq!(closest("http.lisen").as_deref(), Some("http.listen"));
        assert_eq!(closest("rtmp.lsiten").as_deref(), Some("rtmp.listen"));
        assert_eq!(closest("hsl.window").as_deref(), Some("hls.window"));
        assert_eq!(closest("idle_timeout").as_deref(), Some("rtmp.idle_timeout"));
        assert_eq!(closest("http.idle_timeout").as_deref(), Some("rtmp.idle_timeout"));
        assert_eq!(closest("database.url"), None);
    }
}
