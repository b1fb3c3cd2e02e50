//! Looking up a file by name.

use std::borrow::Cow;

use rust_embed::{Embed, EmbeddedFile};

#[derive(Embed)]
#[folder = "../../web/dist"]
struct Dist;

/// One file of the pages, in every form it was built in.
#[derive(Clone, Debug)]
pub struct File {
    /// The file as it is.
    pub bytes: Cow<'static, [u8]>,
    /// The same file for `Content-Encoding: gzip`, where that is smaller.
    pub gzip: Option<Cow<'static, [u8]>>,
    /// The same file for `Content-Encoding: br`, where that is smaller.
    pub brotli: Option<Cow<'static, [u8]>>,
    /// The value for `Content-Type`.
    pub content_type: &'static str,
    /// Whether the name carries a hash of the content: what it names never changes.
    pub is_hashed: bool,
    /// A strong entity tag of the plain form, quotes included.
    pub etag: String,
}

/// The file of this name, such as `home.html` or `assets/watch-3KQ5.js`: a path below `web/dist`, without a leading slash.
pub fn file(name: &str) -> Option<File> {
    if is_precompressed(name) {
        return None;
    }
    let EmbeddedFile { data, metadata } = Dist::get(name)?;
    let form = |ending: &str| Dist::get(&format!("{name}{ending}")).map(|form| form.data);
    let hash = metadata.sha256_hash();
    Some(File {
        bytes: data,
        gzip: form(".gz"),
        brotli: form(".br"),
        content_type: content_type(name),
        is_hashed: name.starts_with("assets/"),
        etag: format!("\"{:016x}\"", hash.iter().take(8).fold(0_u64, |tag, byte| tag << 8 | u64::from(*byte))),
    })
}

/// Every name that [`file`] knows, in no order.
pub fn names() -> impl Iterator<Item = Cow<'static, str>> {
    Dist::iter().filter(|name| !is_precompressed(name))
}

fn is_precompressed(name: &str) -> bool {
    name.ends_with(".gz") || name.ends_with(".br")
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> String {
        let file = file(name).unwrap_or_else(|| panic!("{name} is not built"));
        String::from_utf8(file.bytes.into_owned()).unwrap()
    }

    #[test]
    fn every_page_is_there_and_refers_only_to_what_is() {
        for page in ["home.html", "watch.html", "embed.html", "publish.html", "lost.html"] {
            let html = text(page);
            let references: Vec<_> = html
                .split(['"', '\''])
                .filter(|word| word.starts_with("assets/") || *word == "favicon.svg")
                .map(str::to_owned)
                .collect();
            assert!(references.iter().any(|name| name.ends_with(".js")), "{page} has no script");
            for name in references {
                assert!(file(&name).is_some(), "{page} refers to {name}");
            }
        }
    }

    #[test]
    fn scripts_and_styles_carry_their_hash_and_pages_do_not() {
        assert!(!file("home.html").unwrap().is_hashed);
        let script = names().find(|name| name.starts_with("assets/home-") && name.ends_with(".js")).unwrap();
        let script = file(&script).unwrap();
        assert!(script.is_hashed);
        assert_eq!(script.content_type, "text/javascript; charset=utf-8");
    }

    #[test]
    fn compressed_forms_are_no_files_of_their_own() {
        let page = file("watch.html").unwrap();
        assert!(page.gzip.is_some_and(|gzip| gzip.len() < page.bytes.len()));
        assert!(file("watch.html.gz").is_none());
        assert!(file("watch.html.br").is_none());
        assert!(names().all(|name| !is_precompressed(&name)));
    }

    #[test]
    fn names_outside_are_unknown() {
        for name in ["", "/", "home", "/home.html", "../package.json", "assets/", "assets/../home.html"] {
            assert!(file(name).is_none(), "{name}");
        }
    }
}
