//! DASH as its players meet it: the real binary, ffmpeg, and manifests held against the bytes that they name.

#![allow(clippy::unwrap_used, reason = "helpers of a test may fail like the test")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use roxmltree::{Document, Node};
use testkit::ffmpeg::{Publisher, Source};
use testkit::{Server, http, mp4};

fn server() -> Server {
    let binary = std::env::var("ONAIR_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_onair").into());
    Server::start(binary, &[])
}

/// One representation of one period, as a player reads it.
#[derive(Clone, Debug)]
struct Template {
    id: String,
    base: String,
    init: String,
    scale: i64,
    /// Ticks at the start of the period.
    origin: i64,
    first: i64,
    every: Option<i64>,
    offset_secs: f64,
    period_start_secs: f64,
    /// Segment number to start and length, where there is a timeline; the last may still be in the making.
    listed: BTreeMap<i64, (i64, i64)>,
}

struct Manifest {
    began: SystemTime,
    templates: Vec<Template>,
}

fn number(node: Node<'_, '_>, name: &str) -> i64 {
    node.attribute(name).unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

fn seconds(duration: &str) -> f64 {
    duration.strip_prefix("PT").and_then(|rest| rest.strip_suffix('S')).unwrap().parse().unwrap()
}

fn manifest(server: &Server, path: &str) -> Manifest {
    let address = format!("/dash/{path}/manifest.mpd");
    let text = server.text(&address);
    let xml = Document::parse(&text).unwrap();
    let began = humantime::parse_rfc3339(xml.root_element().attribute("availabilityStartTime").unwrap()).unwrap();
    let mut templates = Vec::new();
    for node in xml.descendants().filter(|node| node.tag_name().name() == "SegmentTemplate") {
        let representation = node.parent().unwrap();
        let period = node.ancestors().find(|node| node.tag_name().name() == "Period").unwrap();
        let base = period.children().find(|node| node.tag_name().name() == "BaseURL").unwrap().text().unwrap();
        let id = representation.attribute("id").unwrap().to_owned();
        let mut listed = BTreeMap::new();
        let (mut msn, mut at) = (number(node, "startNumber"), 0);
        for s in node.descendants().filter(|node| node.tag_name().name() == "S") {
            at = s.attribute("t").map_or(at, |t| t.parse().unwrap());
            for _ in 0..=s.attribute("r").map_or(0, |r| r.parse::<i64>().unwrap()) {
                listed.insert(msn, (at, number(s, "d")));
                (msn, at) = (msn + 1, at + number(s, "d"));
            }
        }
        templates.push(Template {
            base: testkit::server::resolve(&address, base),
            init: node.attribute("initialization").unwrap().replace("$RepresentationID$", &id),
            scale: number(node, "timescale"),
            origin: number(node, "presentationTimeOffset"),
            first: number(node, "startNumber"),
            every: node.attribute("duration").map(|d| d.parse().unwrap()),
            offset_secs: node.attribute("availabilityTimeOffset").map_or(0.0, |offset| offset.parse().unwrap()),
            period_start_secs: seconds(period.attribute("start").unwrap()),
            listed,
            id,
        });
    }
    Manifest { began, templates }
}

impl Template {
    fn address(&self, msn: i64) -> String {
        format!("{}{}.{msn}.m4s", self.base, self.id)
    }

    /// The segment that the clock says is in the making.
    fn open_at(&self, began: SystemTime) -> i64 {
        let since = SystemTime::now().duration_since(began).unwrap().as_secs_f64();
        let into_period = (since - self.period_start_secs) * self.scale as f64;
        self.first + (into_period / self.every.unwrap() as f64) as i64
    }
}

/// Waits until the path has a manifest that is as wanted.
fn await_manifest(server: &Server, path: &str, wanted: impl Fn(&Manifest) -> bool) -> Manifest {
    server.await_stream(path);
    let deadline = Instant::now() + Duration::from_secs(40);
    loop {
        let now = manifest(server, path);
        if wanted(&now) {
            return now;
        }
        assert!(Instant::now() < deadline, "the manifest stays {:#?}", now.templates);
        thread::sleep(Duration::from_millis(300));
    }
}

/// What a segment says of itself: its first tick and its length.
fn span(server: &Server, address: &str) -> (i64, i64) {
    let reply = http::get(server.http, address);
    assert_eq!(reply.status, 200, "{address}");
    let fragments = mp4::fragments(&reply.body);
    let length: u64 = fragments.iter().map(mp4::Fragment::duration).sum();
    (fragments[0].start as i64, length as i64)
}

/// D2, D3, D12, D15.
#[test]
fn even_segments_are_where_the_clock_says() {
    let server = server();
    let _publisher = Source::default().publish(&server.rtmp_url("live/even"));
    server.await_stream("live/even");
    server.await_media("live/even", "v0", |list| list.segments.len() >= 4);
    let manifest = manifest(&server, "live/even");
    assert_eq!(manifest.templates.len(), 2);
    for template in &manifest.templates {
        let init = http::get(server.http, &format!("{}{}", template.base, template.init)).body;
        assert_eq!(i64::from(mp4::timescale(&init)), template.scale);
        let every = template.every.expect("a grid");
        for k in 0..3 {
            let (start, length) = span(&server, &template.address(template.first + k));
            let (wanted, slack) = (template.origin + k * every, if template.id == "v0" { 180 } else { 1024 });
            assert!((start - wanted).abs() <= slack, "{} {k}: {start} is not {wanted}", template.id);
            assert!((length - every).abs() <= slack, "{} {k}: {length} is not {every}", template.id);
        }
        let open = template.open_at(manifest.began);
        let served = server.media("live/even", &template.id).next_msn() as i64;
        assert!((open - served).abs() <= 1, "by the clock {open} is in the making, but it is {served}");
        assert_eq!(http::get(server.http, &template.address(open + 4)).status, 404);
    }
    let clock = humantime::parse_rfc3339(&server.text("/api/v1/time")).unwrap();
    assert!(SystemTime::now().duration_since(clock).unwrap() < Duration::from_millis(100));
}

/// D7, D8.
#[test]
fn an_open_segment_comes_as_it_is_made() {
    let server = server();
    let _publisher = Source::default().publish(&server.rtmp_url("live/open"));
    let manifest = await_manifest(&server, "live/open", |manifest| manifest.templates.len() == 2);
    let template = &manifest.templates[0];
    // The one after the open one: asked for early, it comes from its very beginning.
    let address = template.address(template.open_at(manifest.began) + 1);

    let mut socket = TcpStream::connect(server.http).unwrap();
    write!(socket, "GET {address} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut reader = BufReader::new(socket);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).unwrap();
    }
    let head = head.to_lowercase();
    assert!(head.starts_with("http/1.1 200") && head.contains("transfer-encoding: chunked"), "{head}");
    assert!(!head.contains("content-length:"), "{head}");
    let began = Instant::now();
    let (mut bytes, mut arrivals) = (Vec::new(), Vec::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let len = usize::from_str_radix(line.trim_end(), 16).unwrap();
        let mut chunk = vec![0; len + 2];
        reader.read_exact(&mut chunk).unwrap();
        if len == 0 {
            break;
        }
        bytes.extend_from_slice(&chunk[..len]);
        arrivals.push(began.elapsed());
    }
    assert!(arrivals.len() >= 8, "in parts: {arrivals:?}");
    assert!(arrivals[0] < Duration::from_millis(400), "the first at once: {arrivals:?}");
    let (last, wanted) = (arrivals.last().unwrap().as_secs_f64(), template.offset_secs);
    assert!((last - wanted).abs() < 0.7, "the last in real time: {arrivals:?}");
    assert_eq!(bytes, http::get(server.http, &address).body);
}

/// D4, D6, D9: keyframes at any time, as x264 makes them where scenes change.
#[test]
fn uneven_segments_are_where_the_timeline_says() {
    let server = server();
    let url = server.rtmp_url("live/uneven");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-hide_banner", "-loglevel", "error", "-re", "-f", "lavfi", "-i"]);
    ffmpeg.args(["testsrc2=size=320x180:rate=30", "-f", "lavfi", "-i", "sine=440:sample_rate=48000", "-t", "40"]);
    ffmpeg.args("-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g 300 -sc_threshold 0".split(' '));
    ffmpeg.args(["-force_key_frames", "0,2,4,7.3,9.3,11.5,13.5,16.2,18.2,20.9", "-c:a", "aac", "-f", "flv", &url]);
    let _publisher = Publisher::from_child(ffmpeg.stdin(Stdio::null()).spawn().unwrap());

    let listed = |manifest: &Manifest| manifest.templates.iter().filter(|one| one.listed.len() > 3).count();
    let manifest = await_manifest(&server, "live/uneven", |manifest| listed(manifest) == 2);
    for template in manifest.templates.iter().filter(|one| !one.listed.is_empty()) {
        assert!(template.origin > 0, "not the first period");
        let open = *template.listed.last_key_value().unwrap().0;
        let mut expected = None;
        for (&msn, &(start, length)) in &template.listed {
            assert_eq!(*expected.get_or_insert(start), start, "{} {msn} follows the one before", template.id);
            expected = Some(start + length);
            // The open one is fetched to its end, which may come sooner than foreseen.
            let (real_start, real_length) = span(&server, &template.address(msn));
            assert_eq!(real_start, start, "{} {msn}", template.id);
            assert!(real_length == length || msn == open, "{} {msn}: {real_length} is not {length}", template.id);
        }
        let (_, length) = template.listed[&open];
        assert!(template.offset_secs < length as f64 / template.scale as f64);
    }
}
