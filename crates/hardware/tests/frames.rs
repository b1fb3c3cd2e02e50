//! Pictures go into the memory of a device and come back as they were: of a card made of memory, and of Vulkan where there is one.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::Path;
use std::process::Command;

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;
use onair_hardware::{Device, Frames, keep_library};
use testkit::vaapi::{DEVICE, Driver};

const TRY: &str = "ONAIR_TRY";
/// Neither is a multiple of sixteen, nor half of the one: rows are copied one by one, and chroma too.
const SIZE: (u32, u32) = (426, 238);

/// Tries that in a process of its own, which has the card.
fn try_it(what: &str) {
    let Some(driver) = Driver::build(Path::new(env!("CARGO_TARGET_TMPDIR"))) else { return };
    let mut tried = Command::new(std::env::current_exe().unwrap());
    tried.args(["--exact", "with_the_card", "--nocapture"]).env(TRY, what).envs(driver.environment());
    let output = tried.output().unwrap();
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
}

/// No test by itself: what [`try_it`] runs.
#[test]
fn with_the_card() {
    let Ok(what) = std::env::var(TRY) else { return };
    let device = Device::vaapi(Path::new(DEVICE)).unwrap();
    match what.as_str() {
        "come back" => there_and_back(&device),
        "refuse" => {
            let frames = Frames::new(&device, SIZE).unwrap();
            let plain = frame::Video::new(Pixel::YUV420P, SIZE.0, SIZE.1);
            let larger = frame::Video::new(Frames::FORMAT, SIZE.0 + 2, SIZE.1);
            for picture in [plain, larger, frame::Video::empty()] {
                assert!(frames.upload(&picture).is_err());
                assert!(frames.download(&picture).is_err());
            }
            assert!(Frames::new(&device, (u32::MAX, 16)).is_err());
            assert!(Frames::new(&device, (0, 0)).is_err());
        }
        "last" => {
            // What was made with a device outlives its owner.
            let frames = Frames::new(&device, SIZE).unwrap();
            drop(device);
            let uploaded = frames.upload(&picture(7)).unwrap();
            let frames_of_others = frames;
            same(&frames_of_others.download(&uploaded).unwrap(), &picture(7));
            drop(frames_of_others);
            drop(uploaded);
        }
        "do not grow" => do_not_grow(&device),
        "many" => {
            // As the rungs of a ladder do.
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| (0..20).for_each(|_| there_and_back(&device)));
                }
            });
        }
        other => panic!("{other} is not on the list"),
    }
}

/// A picture with noise in it that is that number's own.
fn picture(seed: u32) -> frame::Video {
    let mut picture = frame::Video::new(Frames::FORMAT, SIZE.0, SIZE.1);
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    for plane in 0..2 {
        for byte in picture.data_mut(plane) {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            *byte = state as u8;
        }
    }
    picture.set_pts(Some(seed.into()));
    picture
}

/// What is seen of both is the same to the bit; what is behind the end of rows is nobody's.
fn same(a: &frame::Video, b: &frame::Video) {
    for (plane, lines) in [(0, SIZE.1), (1, SIZE.1 / 2)] {
        let rows = |picture: &frame::Video| -> Vec<Vec<u8>> {
            let rows = picture.data(plane).chunks(picture.stride(plane)).take(lines as usize);
            rows.map(|row| row[..SIZE.0 as usize].to_vec()).collect()
        };
        assert!(rows(a) == rows(b), "plane {plane} differs");
    }
}

fn there_and_back(device: &Device) {
    let frames = Frames::new(device, SIZE).unwrap();
    // All are there at the same time.
    let pictures: Vec<frame::Video> = (0..5).map(picture).collect();
    let uploaded: Vec<frame::Video> = pictures.iter().map(|picture| frames.upload(picture).unwrap()).collect();
    for (seed, uploaded) in (0..).zip(&uploaded) {
        assert_eq!(uploaded.pts(), Some(seed.into()));
        assert_ne!(uploaded.format(), Frames::FORMAT);
        same(&frames.download(uploaded).unwrap(), &picture(seed));
    }
}

fn do_not_grow(device: &Device) {
    let resident = || -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    };
    let frames = Frames::new(device, SIZE).unwrap();
    let picture = picture(1);
    let upload = |count| (0..count).for_each(|_| drop(frames.upload(&picture).unwrap()));
    upload(200);
    let before = resident();
    upload(10_000);
    // Those who open anew hold nothing either.
    (0..200).for_each(|_| drop(Frames::new(device, SIZE).unwrap().upload(&picture).unwrap()));
    let grown = resident().saturating_sub(before);
    eprintln!("{grown} bytes more");
    // A picture is 150 kB.
    assert!(grown < 1 << 20, "{grown} bytes more after 10 000 pictures");
}

#[test]
fn pictures_come_back_as_they_were() {
    try_it("come back");
}

#[test]
fn a_picture_of_another_size_or_format_is_refused() {
    try_it("refuse");
}

#[test]
fn a_device_lasts_as_long_as_its_pictures() {
    try_it("last");
}

#[test]
fn ten_thousand_pictures_leave_nothing_behind() {
    try_it("do not grow");
}

#[test]
fn several_threads_share_a_device() {
    try_it("many");
}

/// Any device of FFmpeg's will do: Vulkan has one without hardware too (Debian: mesa-vulkan-drivers).
#[test]
fn pictures_come_back_from_vulkan_as_they_were() {
    // SAFETY: pictures are kept until they have been downloaded.
    match unsafe { Device::open("vulkan", None) } {
        Ok(device) => there_and_back(&device),
        Err(error) => eprintln!("skipped: {error}"),
    }
}

#[test]
fn what_is_not_there_is_said_in_a_sentence() {
    let said = |node: &str| Device::vaapi(Path::new(node)).unwrap_err().to_string();
    assert_eq!(said("/dev/dri/none"), "/dev/dri/none: No such file or directory (os error 2)");
    assert!(said(DEVICE).starts_with("vaapi cannot be opened: "));
    // SAFETY: nothing is uploaded to it.
    let abacus = unsafe { Device::open("abacus", None) };
    assert_eq!(abacus.unwrap_err().to_string(), "FFmpeg here knows no abacus");
    assert_eq!(keep_library(c"libonair-none.so").unwrap_err().to_string(), "there is no libonair-none.so");
}
