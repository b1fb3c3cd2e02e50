//! The built web pages, embedded in the binary.
//!
//! `web/` is written in TypeScript and built by npm into `web/dist`; this crate carries the result and answers one
//! question: what is the file of this name. It knows no HTTP: which address shows which page, and which form of a file a
//! browser takes, is for the gateway to say.
//!
//! A page is a file at the root (`home.html`, `watch.html`, `embed.html`, `publish.html`, `lost.html`); what pages refer to is below
//! `assets/` under a name that carries its hash, so it may be kept for ever.

mod file;
mod policy;

pub use file::{File, file, names};
pub use policy::content_security_policy;
