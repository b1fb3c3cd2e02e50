//! Counts the instructions of the packet path, which no load of the machine disturbs: it must not grow unnoticed.
//!
//! The work runs once more in a process of its own under Valgrind's callgrind, which counts only within `pictures`, `sound`
//! and `feedback` below. What encryption takes of that is left out: its code is chosen by the processor at hand. The figures beside this
//! file are for the development profile; `ONAIR_BLESS=1` writes them anew. Without Valgrind there is nothing to count.

#[path = "../benches/house/mod.rs"]
mod house;

use std::path::Path;
use std::process::Command;

use house::House;
use onair_proto::webrtc::srtp::Profile;

const VIEWERS: usize = 20;
const FRAMES: usize = 60;
/// Three pictures each, as in a tenth of a second.
const ROUNDS: usize = 20;
const FIGURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/instructions.txt");
/// What is measured, and what one unit of it is.
const SCENES: [(&str, usize); 3] =
    [("pictures", VIEWERS * FRAMES * 15), ("sound", VIEWERS * FRAMES), ("feedback", VIEWERS * ROUNDS)];

#[inline(never)]
fn pictures(house: &mut House) {
    let packets: usize = (0..FRAMES).map(|_| house.frame()).sum();
    assert!(packets >= VIEWERS * FRAMES * 15, "every packet leaves at once: {packets}");
}

#[inline(never)]
fn sound(house: &mut House) {
    let packets: usize = (0..FRAMES).map(|_| house.sound()).sum();
    assert!(packets >= VIEWERS * FRAMES, "{packets}");
}

#[inline(never)]
fn feedback(house: &mut House) {
    house.feedback();
}

/// Pictures of a tenth of a second.
fn rounds(house: &mut House) {
    for _ in 0..3 {
        house.frame();
    }
}

/// Run by the test below, within Valgrind.
#[test]
#[ignore = "the work that is counted"]
fn work() {
    let mut house = House::new(Profile::Aes128Gcm, VIEWERS);
    // Until the viewers know their links, and every buffer has its size.
    for _ in 0..40 {
        rounds(&mut house);
        house.feedback();
    }
    match std::env::var("SCENE").as_deref() {
        Ok("pictures") => pictures(&mut house),
        Ok("sound") => sound(&mut house),
        _ => (0..ROUNDS).for_each(|_| {
            rounds(&mut house);
            feedback(&mut house);
        }),
    }
}

/// Instructions within that function and all it calls but encryption.
fn count(scene: &str) -> u64 {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{scene}.callgrind"));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .arg(format!("--toggle-collect=*instructions::{scene}*"))
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", "work", "--ignored", "--test-threads=1"])
        .env("SCENE", scene)
        .output()
        .expect("valgrind runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stdout));
    let annotate = ["--inclusive=yes", "--threshold=100", "--auto=no"];
    let listed = Command::new("callgrind_annotate").args(annotate).arg(&out).output().expect("callgrind_annotate runs");
    let listed = String::from_utf8_lossy(&listed.stdout);
    let cost = |what: &str| {
        let line = listed.lines().find(|line| line.contains(what) && !line.contains("'2"));
        let figure = line.and_then(|line| line.split_whitespace().next());
        figure.and_then(|figure| figure.replace(',', "").parse::<u64>().ok())
    };
    let all = cost("PROGRAM TOTALS").unwrap_or_else(|| panic!("no total in: {listed}"));
    all - cost("Sealer::seal_rtp").unwrap_or(0)
}

/// Issue: proof against decay.
#[test]
fn the_packet_path_costs_no_more_instructions_than_it_did() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("no valgrind: nothing is counted");
        return;
    }
    let counted = SCENES.map(|(scene, units)| (scene, count(scene) / units as u64));
    let lines: String = counted.iter().map(|(scene, each)| format!("{scene} {each}\n")).collect();
    if std::env::var_os("ONAIR_BLESS").is_some() {
        std::fs::write(FIGURES, &lines).expect("written");
    }
    let known = std::fs::read_to_string(Path::new(FIGURES)).expect("figures");
    for ((scene, each), line) in counted.iter().zip(known.lines()) {
        let known: u64 = line.strip_prefix(scene).and_then(|figure| figure.trim().parse().ok()).expect("a figure");
        assert!(*each <= known + known / 10, "{scene}: {each} instructions where there were {known}\n{lines}");
        assert!(*each > known / 2, "{scene}: {each} instructions where there were {known}: write it down\n{lines}");
    }
}
