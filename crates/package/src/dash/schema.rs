//! Manifests against the schema of ISO/IEC 23009-1 (D1).
//!
//! ISO's terms do not let the schema travel with this project. To run the test, put `xmllint` on the path and say
//! where `DASH-MPD.xsd` of the repository `MPEGGroup/DASHSchema` is:
//! `DASH_SCHEMA=/path/to/DASH-MPD.xsd cargo test -p onair-package schema -- --ignored`

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use super::sample::*;
use super::tests::watch;

/// The attributes of XLink that the schema names, so that nothing is fetched.
const XLINK: &str = r#"<?xml version="1.0"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/1999/xlink">
  <xs:attribute name="href" type="xs:anyURI"/>
  <xs:attribute name="actuate" type="xs:string"/>
  <xs:attribute name="type" type="xs:string"/>
  <xs:attribute name="show" type="xs:string"/>
</xs:schema>"#;

fn check(schema: &Path, manifest: &Path) {
    let output =
        Command::new("xmllint").args(["--noout", "--nonet", "--schema"]).args([schema, manifest]).output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}\n{}", fs::read_to_string(manifest).unwrap());
}

#[test]
#[ignore = "needs the DASH schema and xmllint"]
fn manifests_are_valid() {
    let room = env::temp_dir().join(format!("onair-dash-schema-{}", std::process::id()));
    fs::create_dir_all(&room).unwrap();
    let schema = fs::read_to_string(env::var_os("DASH_SCHEMA").expect("DASH_SCHEMA")).unwrap();
    let local = schema.replace("http://www.w3.org/XML/2008/06/xlink.xsd", "xlink.xsd");
    fs::write(room.join("DASH-MPD.xsd"), local).unwrap();
    fs::write(room.join("xlink.xsd"), XLINK).unwrap();

    let even = Run::of([EVEN; 9]);
    let changing =
        [EVEN, EVEN, Cut { init: 1, breaks: true, hole_ms: 3000, ..EVEN }, Cut { silent: true, ..EVEN }, EVEN];
    let lengths = [2000, 2000, 3300, 2000, 2700, 2100, 4000, 2000];
    let uneven = Run { over: true, ..Run::of(lengths.map(|ms| Cut { ms, ..EVEN })) };
    for run in [even, Run::of(changing), uneven] {
        for (at_ms, manifest) in watch(&run, 400) {
            let file = room.join(format!("{at_ms}.mpd"));
            fs::write(&file, manifest.text(Some("k&y")).to_string()).unwrap();
            check(&room.join("DASH-MPD.xsd"), &file);
        }
    }
    fs::remove_dir_all(&room).unwrap();
}
